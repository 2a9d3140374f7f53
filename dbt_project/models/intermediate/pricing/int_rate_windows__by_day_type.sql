-- One row per kind of day and half hour of the plan's clock for each timed tariff (tariff period, controlled load or
-- feed-in with windows): which rate holds, and how many claim it. The first half-hour slots without a rate are absent.
with tariffs as (
    select
        plan_id,
        version_hash,
        section,
        parent_number,
        max(is_public_holidays) as names_public_holidays
    from {{ ref('stg_plans__rate_windows') }}
    group by plan_id, version_hash, section, parent_number
),

windows as (
    select
        windows.plan_id,
        windows.version_hash,
        windows.section,
        windows.parent_number,
        windows.rate_number,
        day_types.weekday,
        day_types.is_public_holiday,
        day_types.is_business_day,
        windows.start_minute,
        windows.end_minute
    from {{ ref('stg_plans__rate_windows') }} as windows
    inner join tariffs
        on
            windows.plan_id = tariffs.plan_id
            and windows.version_hash = tariffs.version_hash
            and windows.section = tariffs.section
            and windows.parent_number = tariffs.parent_number
    cross join {{ day_types() }} as day_types
    where {{ window_days_hold('windows', 'day_types', 'tariffs.names_public_holidays') }} = 1
)

select
    windows.plan_id,
    windows.version_hash,
    windows.section,
    windows.parent_number,
    windows.weekday,
    windows.is_public_holiday,
    windows.is_business_day,
    half_hours.local_start_minute,
    min(windows.rate_number) as rate_number,
    max(windows.rate_number) as last_rate_number,
    count(distinct windows.rate_number) as rate_count
from windows
inner join {{ clock_half_hours() }} as half_hours
    on {{ window_holds('half_hours.local_start_minute', 'windows.start_minute', 'windows.end_minute') }}
group by
    windows.plan_id, windows.version_hash, windows.section, windows.parent_number,
    windows.weekday, windows.is_public_holiday, windows.is_business_day, half_hours.local_start_minute
