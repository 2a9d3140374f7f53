-- One row per market day of a due bill, with the plan that holds on it (null: none does).
select
    due.contract_id,
    due.period_start_date,
    due.period_end_date,
    days.market_date,
    due.nmi,
    due.jurisdiction,
    min(plans.plan_id) as plan_id,
    coalesce(max(plans.is_ambiguous), 0) as is_plan_ambiguous
from {{ ref('int_bill_periods__due') }} as due
inner join {{ ref('int_market_days__list') }} as days
    on days.market_date between due.period_start_date and due.period_end_date
left join {{ ref('int_contract_plans__assign') }} as plans
    on
        due.contract_id = plans.contract_id
        and days.market_date between plans.first_date and plans.last_date
group by
    due.contract_id, due.period_start_date, due.period_end_date, days.market_date, due.nmi, due.jurisdiction
