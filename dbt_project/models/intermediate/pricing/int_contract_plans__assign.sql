-- One row per contract and plan with the market days on which it holds: from its start until the day before the next
-- one starts, or its own end if that is earlier. Whether an end date counts as included or not does not matter where
-- the next plan starts. Two plans that start on one day contradict each other.
with numbered as (
    select
        contract_id,
        plan_id,
        start_date,
        end_date,
        row_number() over (partition by contract_id order by start_date, plan_id) as plan_number,
        count(*) over (partition by contract_id, start_date) as plans_of_the_day
    from {{ ref('stg_retailer__contract_plans') }}
    where contract_id is not null and plan_id is not null and start_date is not null
)

select
    plans.contract_id,
    plans.plan_id,
    plans.start_date as first_date,
    case
        when next_plans.start_date is null then coalesce(plans.end_date, {{ date_literal('9999-12-31') }})
        when plans.plans_of_the_day > 1 and next_plans.start_date = plans.start_date then plans.start_date
        when plans.end_date < next_plans.start_date then plans.end_date
        else {{ add_days('next_plans.start_date', -1) }}
    end as last_date,
    case when plans.plans_of_the_day > 1 then 1 else 0 end as is_ambiguous
from numbered as plans
left join numbered as next_plans
    on plans.contract_id = next_plans.contract_id and plans.plan_number = next_plans.plan_number - 1
