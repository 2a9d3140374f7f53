-- Contracts whose bill cannot be priced beyond doubt, one row per plan and construct under the rule that found it: the plan is not in the
-- tariff catalogue (PLAN_UNKNOWN), has a field or value that the standard does not name (PLAN_FIELD_UNKNOWN), or a construct
-- without a certain price (PLAN_NOT_PRICEABLE).
with problems as (
    select
        rule_code,
        contract_id,
        period_start_date as first_market_date,
        period_end_date as last_market_date,
        {{ concat_text(["contract_id", "'|'", "plan_id", "'|'", "construct"]) }} as subject,
        min(reason) as detail
    from {{ ref('int_bill_problems__detect') }}
    where rule_code is not null
    group by rule_code, contract_id, period_start_date, period_end_date, plan_id, construct
)

select
    problems.rule_code,
    problems.subject,
    due.nmi,
    cast(null as {{ text_type(4) }}) as nmi_suffix,
    problems.contract_id,
    problems.first_market_date,
    problems.last_market_date,
    {{ filed_under('due.billing_day') }} as billing_day,
    problems.detail
from problems
inner join {{ ref('int_bill_periods__due') }} as due
    on
        problems.contract_id = due.contract_id
        and problems.first_market_date = due.period_start_date
        and problems.last_market_date = due.period_end_date
