-- One row per due bill and plan version that prices anything in it: its first day, its market days, and the mark of a version
-- that only touches the bill's first or last hours (day_count 0, see int_bill_prices__segment).
select
    contract_id,
    period_start_date,
    period_end_date,
    plan_id,
    version_hash,
    coalesce(min(case when day_count > 0 then price_start_date end), min(price_start_date)) as price_start_date,
    cast(sum(day_count) as integer) as day_count,
    min(price_mark) as price_mark
from {{ ref('int_bill_prices__segment') }}
group by contract_id, period_start_date, period_end_date, plan_id, version_hash
