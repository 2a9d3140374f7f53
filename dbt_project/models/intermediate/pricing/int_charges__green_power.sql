{{ config(table_refresh_method='dml') }}
-- Green power, bought on top of the plan: by energy used, by day, week or month (a month is 365/12 days), or as a part of the
-- plan version's charges before discounts; always for the part of the version's days on which it is agreed.
with bases as (
    select
        lines.contract_id,
        lines.period_start_date,
        lines.period_end_date,
        lines.plan_id,
        lines.version_hash,
        bases.base,
        cast(sum(lines.amount_ex_gst_aud) as {{ bill_amount_type() }}) as base_aud,
        cast(sum(case when lines.unit = 'KWH' then lines.quantity else 0 end) as {{ kwh_type() }}) as base_kwh
    from {{ ref('int_charge_lines__price') }} as lines
    inner join {{ ref('charge_bases') }} as bases
        on lines.charge_type = bases.charge_type
    where bases.base in ('BILL', 'USE')
    group by
        lines.contract_id, lines.period_start_date, lines.period_end_date, lines.plan_id, lines.version_hash, bases.base
),

-- Two percentages of one bill may fall into one tier: its days count together.
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
        cast(sum(agreed_day_count) as integer) as agreed_day_count,
        cast(sum(supply_day_count) as integer) as supply_day_count,
        green_power_number,
        tier_number,
        charge_type,
        case charge_type when 'PERCENT_OF_BILL' then 'BILL' else 'USE' end as base,
        gst_basis,
        case
            when charge_type like 'FIXED%' then {{ without_gst('size', 'gst_basis') }}
            else cast(size as {{ unit_price_type() }})
        end as unit_price_ex_gst_aud
    from {{ ref('int_green_power__choose') }}
    where refusal is null and size > 0
    group by
        contract_id, period_start_date, period_end_date, plan_id, version_hash, price_start_date, price_mark,
        priced_day_count, green_power_number, tier_number, charge_type, gst_basis, size
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
        chosen.green_power_number,
        chosen.tier_number,
        chosen.charge_type,
        chosen.gst_basis,
        chosen.unit_price_ex_gst_aud,
        case chosen.charge_type
            when 'FIXED_PER_DAY' then cast(chosen.supply_day_count as decimal(38, 14))
            when 'FIXED_PER_WEEK' then {{ divide('chosen.supply_day_count', '7', 14, 0) }}
            when 'FIXED_PER_MONTH' then {{ divide('(chosen.supply_day_count * 12)', '365', 14, 0) }}
            when 'FIXED_PER_UNIT'
                then {{ divide('(coalesce(bases.base_kwh, 0) * chosen.agreed_day_count)', 'chosen.priced_day_count', 14, 14) }}
            else {{ divide('(coalesce(bases.base_aud, 0) * chosen.agreed_day_count)', 'chosen.priced_day_count', 14, 8) }}
        end as quantity
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
    {{ concat_text(["'GREEN_POWER:'", text_of('green_power_number', 4), "'.'", text_of('tier_number', 4), "price_mark"]) }} as charge_id,
    price_start_date,
    plan_id,
    version_hash,
    'FEE' as charge_type,
    'ALL' as time_band,
    1 as block_number,
    cast(quantity as {{ kwh_type() }}) as quantity,
    case charge_type
        when 'FIXED_PER_DAY' then 'DAY' when 'FIXED_PER_WEEK' then 'WEEK' when 'FIXED_PER_MONTH' then 'MONTH'
        when 'FIXED_PER_UNIT' then 'KWH' else 'AUD'
    end as unit,
    unit_price_ex_gst_aud,
    0 as is_credit,
    case when charge_type like 'FIXED%' and gst_basis = 'FREE' then 'FREE' else 'TAXED' end as gst_treatment
from sized
where quantity > 0
