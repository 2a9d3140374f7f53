-- One row per due bill and tariff (tariff period, controlled load or feed-in of a plan version) that holds in it, with the
-- first day and the number of days of its price. A season is a tariff period's price; controlled loads and feed-ins
-- follow the plan version alone.
-- A controlled load or feed-in that begins or ends inside the bill holds for fewer days than its version.
with clipped as (
    select
        days.contract_id,
        days.period_start_date,
        days.period_end_date,
        tariffs.plan_id,
        tariffs.version_hash,
        tariffs.section,
        tariffs.parent_number,
        count(*) as day_count
    from {{ ref('int_tariffs__list') }} as tariffs
    inner join {{ ref('int_tariff_periods__by_date') }} as by_date
        on
            tariffs.plan_id = by_date.plan_id
            and tariffs.version_hash = by_date.version_hash
            and by_date.local_date between tariffs.first_date and tariffs.last_date
    inner join {{ ref('int_contract_days') }} as days
        on by_date.plan_id = days.plan_id and by_date.local_date = days.market_date
    where
        tariffs.section <> 'TARIFF_PERIOD'
        and (tariffs.first_date > days.period_start_date or tariffs.last_date < days.period_end_date)
    group by
        days.contract_id, days.period_start_date, days.period_end_date, tariffs.plan_id, tariffs.version_hash,
        tariffs.section, tariffs.parent_number
),

-- The days on which a competing feed-in is paid instead.
unpaid as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        plan_id,
        version_hash,
        feed_in_number,
        count(*) as day_count
    from {{ ref('int_feed_in_days__choose') }}
    where local_date = market_date and is_chosen = 0
    group by contract_id, period_start_date, period_end_date, plan_id, version_hash, feed_in_number
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
    cast(day_count as integer) as day_count,
    price_mark
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
    cast(coalesce(
        clipped.day_count,
        case
            when tariffs.first_date > versions.period_start_date or tariffs.last_date < versions.period_end_date then 0
            else versions.day_count
        end
    ) - coalesce(unpaid.day_count, 0) as integer) as day_count,
    versions.price_mark
from {{ ref('int_bill_versions__list') }} as versions
inner join {{ ref('int_tariffs__list') }} as tariffs
    on versions.plan_id = tariffs.plan_id and versions.version_hash = tariffs.version_hash
left join clipped
    on
        versions.contract_id = clipped.contract_id
        and versions.period_start_date = clipped.period_start_date
        and versions.period_end_date = clipped.period_end_date
        and versions.plan_id = clipped.plan_id
        and versions.version_hash = clipped.version_hash
        and tariffs.section = clipped.section
        and tariffs.parent_number = clipped.parent_number
left join unpaid
    on
        versions.contract_id = unpaid.contract_id
        and versions.period_start_date = unpaid.period_start_date
        and versions.period_end_date = unpaid.period_end_date
        and versions.plan_id = unpaid.plan_id
        and versions.version_hash = unpaid.version_hash
        and case when tariffs.section = 'FEED_IN' then tariffs.parent_number end = unpaid.feed_in_number
where tariffs.section <> 'TARIFF_PERIOD'
