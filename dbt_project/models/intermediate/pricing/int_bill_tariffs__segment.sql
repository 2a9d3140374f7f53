-- One row per due bill and tariff (tariff period, controlled load or feed-in of a plan version) that holds in it, with the
-- first day and the number of days of its price. A season is a tariff period's price; controlled loads and feed-ins
-- follow the plan version alone.
with versions as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        plan_id,
        version_hash,
        coalesce(min(case when day_count > 0 then price_start_date end), min(price_start_date)) as price_start_date,
        cast(sum(day_count) as integer) as day_count
    from {{ ref('int_bill_prices__segment') }}
    group by contract_id, period_start_date, period_end_date, plan_id, version_hash
)

select
    contract_id,
    period_start_date,
    period_end_date,
    plan_id,
    version_hash,
    'TARIFF_PERIOD' as section,
    tariff_period_number as parent_number,
    price_start_date,
    cast(day_count as integer) as day_count
from {{ ref('int_bill_prices__segment') }}
where tariff_period_number is not null
union all
select
    versions.contract_id,
    versions.period_start_date,
    versions.period_end_date,
    versions.plan_id,
    versions.version_hash,
    tariffs.section,
    tariffs.parent_number,
    versions.price_start_date,
    versions.day_count
from versions
inner join {{ ref('int_tariffs__list') }} as tariffs
    on versions.plan_id = tariffs.plan_id and versions.version_hash = tariffs.version_hash
where tariffs.section <> 'TARIFF_PERIOD'
