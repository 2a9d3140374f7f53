-- Contracts whose bill needs a construct of their plan that has no price beyond doubt.
with problems as (
    select
        contract_id,
        period_start_date as first_market_date,
        period_end_date as last_market_date,
        {{ concat_text(["contract_id", "'|'", "plan_id", "'|'", "construct"]) }} as subject,
        min(reason) as detail
    from {{ ref('int_bill_problems__detect') }}
    where rule_code = 'PLAN_NOT_PRICEABLE'
    group by contract_id, period_start_date, period_end_date, plan_id, construct
)

select
    'PLAN_NOT_PRICEABLE' as rule_code,
    problems.subject,
    due.nmi,
    cast(null as {{ text_type(4) }}) as nmi_suffix,
    problems.contract_id,
    problems.first_market_date,
    problems.last_market_date,
    case
        when due.billing_day < {{ date_literal(var('start_day')) }} then {{ date_literal(var('end_day')) }}
        else due.billing_day
    end as billing_day,
    problems.detail
from problems
inner join {{ ref('int_bill_periods__due') }} as due
    on
        problems.contract_id = due.contract_id
        and problems.first_market_date = due.period_start_date
        and problems.last_market_date = due.period_end_date
