-- One row per due bill: how it is rounded. The policy is that of the plan on the bill's last day: the plan's own, else its
-- brand's, else the default, as in force on that day (seed rounding_policies).
with plans as (
    select
        days.contract_id,
        days.period_start_date,
        days.period_end_date,
        days.plan_id,
        max(versions.brand) as brand
    from {{ ref('int_contract_days') }} as days
    left join {{ ref('int_tariff_periods__by_date') }} as by_date
        on days.plan_id = by_date.plan_id and days.market_date = by_date.local_date
    left join {{ ref('stg_plans__versions') }} as versions
        on by_date.plan_id = versions.plan_id and by_date.version_hash = versions.version_hash
    where days.market_date = days.period_end_date
    group by days.contract_id, days.period_start_date, days.period_end_date, days.plan_id
),

ranked as (
    select
        plans.contract_id,
        plans.period_start_date,
        plans.period_end_date,
        policies.quantity_places,
        policies.gst_on,
        row_number() over (
            partition by plans.contract_id, plans.period_start_date, plans.period_end_date
            order by case policies.scope when 'PLAN' then 1 when 'BRAND' then 2 else 3 end, policies.first_date desc
        ) as place
    from plans
    inner join {{ ref('rounding_policies') }} as policies
        on
            plans.period_end_date between policies.first_date and policies.last_date
            and (
                policies.scope = 'DEFAULT'
                or (policies.scope = 'BRAND' and policies.scope_name = plans.brand)
                or (policies.scope = 'PLAN' and policies.scope_name = plans.plan_id)
            )
)

select
    contract_id,
    period_start_date,
    period_end_date,
    cast(quantity_places as integer) as quantity_places,
    gst_on
from ranked
where place = 1
