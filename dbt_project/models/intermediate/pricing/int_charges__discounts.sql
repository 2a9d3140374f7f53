{{ config(table_refresh_method='dml') }}
-- Discounts of the plan: a percentage is of the plan version's own charges in the bill, by the part of the version's days on
-- which it is granted; a percentage over a threshold is of the use charges above it; a fixed amount is for the bill, in
-- proportion to the bill's days. Which charges a percentage is of says the seed charge_bases.
with bases as (
    select
        lines.contract_id,
        lines.period_start_date,
        lines.period_end_date,
        lines.plan_id,
        lines.version_hash,
        bases.base,
        cast(sum(lines.amount_ex_gst_aud) as {{ bill_amount_type() }}) as base_aud
    from {{ ref('int_charge_lines__price') }} as lines
    inner join {{ ref('charge_bases') }} as bases
        on lines.charge_type = bases.charge_type
    where bases.base in ('BILL', 'USE')
    group by
        lines.contract_id, lines.period_start_date, lines.period_end_date, lines.plan_id, lines.version_hash, bases.base
),

chosen as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        plan_id,
        version_hash,
        price_start_date,
        price_mark,
        priced_day_count,
        bill_day_count,
        case when method = 'fixedAmount' and day_count = 0 then 0 else granted_day_count end as granted_day_count,
        discount_number,
        method,
        case when method = 'percentOfBill' then 'BILL' when method <> 'fixedAmount' then 'USE' end as base,
        case when method = 'percentOverThreshold' then usage_amount_aud else 0 end as threshold_aud,
        size,
        gst_basis
    from {{ ref('int_discounts__choose') }}
    where granted_day_count > 0 and refusal is null and size > 0
),

sized as (
    select
        chosen.contract_id,
        chosen.period_start_date,
        chosen.period_end_date,
        chosen.plan_id,
        chosen.version_hash,
        chosen.price_start_date,
        chosen.price_mark,
        chosen.discount_number,
        chosen.method,
        case
            when chosen.method = 'fixedAmount'
                then {{ divide('chosen.granted_day_count', 'chosen.bill_day_count', 14, 0) }}
            when bases.base_aud > chosen.threshold_aud
                then {{ divide('(bases.base_aud - chosen.threshold_aud) * chosen.granted_day_count', 'chosen.priced_day_count', 14, 8) }}
            else 0
        end as quantity,
        case
            when chosen.method = 'fixedAmount' then {{ without_gst('chosen.size', 'chosen.gst_basis') }}
            else cast(chosen.size as {{ unit_price_type() }})
        end as unit_price_ex_gst_aud,
        chosen.gst_basis
    from chosen
    left join bases
        on
            chosen.contract_id = bases.contract_id
            and chosen.period_start_date = bases.period_start_date
            and chosen.period_end_date = bases.period_end_date
            and chosen.plan_id = bases.plan_id
            and chosen.version_hash = bases.version_hash
            and chosen.base = bases.base
)

select
    contract_id,
    period_start_date,
    period_end_date,
    {{ concat_text(["'DISCOUNT:'", text_of('discount_number', 4), "price_mark"]) }} as charge_id,
    price_start_date,
    plan_id,
    version_hash,
    'DISCOUNT' as charge_type,
    'ALL' as time_band,
    1 as block_number,
    cast(quantity as {{ kwh_type() }}) as quantity,
    case when method = 'fixedAmount' then 'BILL' else 'AUD' end as unit,
    unit_price_ex_gst_aud,
    1 as is_credit,
    case when method = 'fixedAmount' and gst_basis = 'FREE' then 'FREE' else 'TAXED' end as gst_treatment
from sized
where quantity > 0
