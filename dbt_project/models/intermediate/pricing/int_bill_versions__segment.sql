-- One row per due bill and plan version in it: its first day and market days. What a plan charges whatever the season.
select
    contract_id,
    period_start_date,
    period_end_date,
    plan_id,
    version_hash,
    min(price_start_date) as price_start_date,
    cast(sum(day_count) as integer) as day_count
from {{ ref('int_bill_prices__segment') }}
where day_count > 0
group by contract_id, period_start_date, period_end_date, plan_id, version_hash
