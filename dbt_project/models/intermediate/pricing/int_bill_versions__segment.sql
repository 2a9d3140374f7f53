-- One row per due bill and plan version in it: its first day and market days. What a plan charges whatever the season.
select
    contract_id,
    period_start_date,
    period_end_date,
    plan_id,
    version_hash,
    price_start_date,
    day_count
from {{ ref('int_bill_versions__list') }}
where day_count > 0
