{{ config(table_refresh_method='dml') }}
-- Concessions agreed for the contract, for the part of the bill's days on which they hold: a percentage of what is to pay
-- for electricity after discounts and solar credits (never below nothing), or a fixed amount for the bill. Before GST
-- the concession lowers the taxed amount; after GST a percentage is of the amount with GST, and the GST stands.
with lines as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        charge_type,
        amount_ex_gst_aud,
        gst_aud
    from {{ ref('int_charge_lines__price') }}
    union all
    select
        contract_id,
        period_start_date,
        period_end_date,
        charge_type,
        amount_ex_gst_aud,
        gst_aud
    from ({{ priced_lines(ref('int_shares__collect')) }}) as share_lines
),

bases as (
    select
        lines.contract_id,
        lines.period_start_date,
        lines.period_end_date,
        cast(sum(lines.amount_ex_gst_aud) as {{ bill_amount_type() }}) as base_ex_gst_aud,
        {{ to_the_cent('sum(lines.gst_aud)') }} as base_gst_aud
    from lines
    inner join {{ ref('charge_bases') }} as bases
        on lines.charge_type = bases.charge_type
    where bases.base = 'CONCESSION'
    group by lines.contract_id, lines.period_start_date, lines.period_end_date
),

agreed as (
    select
        due.contract_id,
        due.period_start_date,
        due.period_end_date,
        due.day_count,
        terms.term,
        terms.term_number,
        terms.value_number,
        terms.first_date,
        {{ days_between('terms.first_date', 'terms.last_date') }} + 1 as agreed_day_count,
        rules.gst_order,
        coalesce(bases.base_ex_gst_aud, 0) + case when rules.gst_order = 'AFTER' then coalesce(bases.base_gst_aud, 0) else 0 end
            as base_aud
    from {{ ref('int_bill_terms__list') }} as terms
    inner join {{ ref('int_bill_periods__due') }} as due
        on
            terms.contract_id = due.contract_id
            and terms.period_start_date = due.period_start_date
            and terms.period_end_date = due.period_end_date
    inner join {{ ref('concession_rules') }} as rules
        on due.jurisdiction = rules.jurisdiction
    left join bases
        on
            terms.contract_id = bases.contract_id
            and terms.period_start_date = bases.period_start_date
            and terms.period_end_date = bases.period_end_date
    where terms.term in ('CONCESSION_PERCENT', 'CONCESSION_FIXED') and terms.refusal is null and terms.value_number > 0
),

sized as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        term,
        term_number,
        first_date,
        gst_order,
        case
            when term = 'CONCESSION_FIXED' then {{ divide('agreed_day_count', 'day_count', 14, 0) }}
            when base_aud > 0 then {{ divide('(base_aud * agreed_day_count)', 'day_count', 14, 8) }}
            else 0
        end as quantity,
        cast(
            case when term = 'CONCESSION_FIXED' then value_number else value_number * cast(0.01 as decimal(3, 2)) end
            as {{ unit_price_type() }}
        ) as unit_price_ex_gst_aud
    from agreed
)

select
    sized.contract_id,
    sized.period_start_date,
    sized.period_end_date,
    {{ concat_text(["sized.term", "':'", text_of('sized.term_number', 4)]) }} as charge_id,
    sized.first_date as price_start_date,
    days.plan_id,
    cast(null as {{ text_type(64) }}) as version_hash,
    'DISCOUNT' as charge_type,
    'ALL' as time_band,
    1 as block_number,
    cast(sized.quantity as {{ kwh_type() }}) as quantity,
    case when sized.term = 'CONCESSION_FIXED' then 'BILL' else 'AUD' end as unit,
    sized.unit_price_ex_gst_aud,
    1 as is_credit,
    case when sized.gst_order = 'AFTER' then 'FREE' else 'TAXED' end as gst_treatment
from sized
inner join {{ ref('int_contract_days') }} as days
    on
        sized.contract_id = days.contract_id
        and sized.period_start_date = days.period_start_date
        and sized.period_end_date = days.period_end_date
        and sized.period_end_date = days.market_date
where sized.quantity > 0
