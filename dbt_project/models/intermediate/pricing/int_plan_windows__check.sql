-- One row per timed tariff of a plan version, days and minutes that several of its rates claim, or that none does: a plan
-- that contradicts itself. Minutes without a rate on public holidays alone are no row here: such a plan is wrong only for
-- a bill with a holiday in it (int_tariff_gaps__by_date). A feed-in may leave minutes out, it then pays nothing, and a
-- controlled load those in which it is switched off.
with sound_tariffs as (
    select
        plan_id,
        version_hash,
        section,
        parent_number
    from {{ ref('stg_plans__rate_windows') }}
    group by plan_id, version_hash, section, parent_number
    having min({{ flag("days_text is not null and start_minute <> end_minute and start_minute % 30 = 0 and end_minute % 30 = 0") }}) = 1
),

-- Weekdays that are neither holiday nor business day do not exist, nor does a business day at the weekend.
day_kinds as (
    select
        case weekday
            {%- for day in ['MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT', 'SUN'] %} when '{{ day }}' then {{ loop.index }}{% endfor %}
        end as day_number,
        weekday,
        is_public_holiday,
        is_business_day
    from {{ day_types() }} as day_types
    where is_public_holiday = 1 or is_business_day = case when weekday in ('SAT', 'SUN') then 0 else 1 end
),

faults as (
    select
        sound_tariffs.plan_id,
        sound_tariffs.version_hash,
        sound_tariffs.section,
        sound_tariffs.parent_number,
        day_kinds.day_number,
        day_kinds.weekday,
        day_kinds.is_public_holiday,
        half_hours.local_start_minute,
        coalesce(by_day_type.rate_count, 0) as rate_count,
        coalesce(by_day_type.rate_number, 0) as rate_number,
        coalesce(by_day_type.last_rate_number, 0) as last_rate_number
    from sound_tariffs
    cross join day_kinds
    cross join {{ clock_half_hours() }} as half_hours
    left join {{ ref('int_rate_windows__by_day_type') }} as by_day_type
        on
            sound_tariffs.plan_id = by_day_type.plan_id
            and sound_tariffs.version_hash = by_day_type.version_hash
            and sound_tariffs.section = by_day_type.section
            and sound_tariffs.parent_number = by_day_type.parent_number
            and day_kinds.weekday = by_day_type.weekday
            and day_kinds.is_public_holiday = by_day_type.is_public_holiday
            and day_kinds.is_business_day = by_day_type.is_business_day
            and half_hours.local_start_minute = by_day_type.local_start_minute
    where
        by_day_type.rate_count > 1
        or (by_day_type.rate_count is null and sound_tariffs.section = 'TARIFF_PERIOD' and day_kinds.is_public_holiday = 0)
),

numbered as (
    select
        plan_id,
        version_hash,
        section,
        parent_number,
        day_number,
        weekday,
        is_public_holiday,
        local_start_minute,
        rate_count,
        rate_number,
        last_rate_number,
        -- The same for half hours that follow each other.
        local_start_minute - 30 * row_number() over (
            partition by
                plan_id, version_hash, section, parent_number, weekday, is_public_holiday, rate_count, rate_number, last_rate_number
            order by local_start_minute
        ) as run_start
    from faults
),

spans as (
    select
        plan_id,
        version_hash,
        section,
        parent_number,
        day_number,
        weekday,
        is_public_holiday,
        rate_count,
        rate_number,
        last_rate_number,
        min(local_start_minute) as first_minute,
        max(local_start_minute) + 30 as end_minute
    from numbered
    group by
        plan_id, version_hash, section, parent_number, day_number, weekday, is_public_holiday, rate_count, rate_number,
        last_rate_number, run_start
),

by_days as (
    select
        plan_id,
        version_hash,
        section,
        parent_number,
        is_public_holiday,
        rate_count,
        rate_number,
        last_rate_number,
        first_minute,
        end_minute,
        {{ join_text('weekday', ', ', 'day_number') }} as days_text
    from spans
    group by
        plan_id, version_hash, section, parent_number, is_public_holiday, rate_count, rate_number, last_rate_number,
        first_minute, end_minute
),

rate_names as (
    select distinct
        plan_id,
        version_hash,
        section,
        parent_number,
        rate_number,
        band_label
    from {{ ref('int_rate_steps__price') }}
)

select
    by_days.plan_id,
    by_days.version_hash,
    by_days.section,
    by_days.parent_number,
    cast('timeOfUse' as {{ text_type(40) }}) as construct,
    {{ concat_text([
        "case when by_days.is_public_holiday = 0 then '' when by_days.days_text = 'MON, TUE, WED, THU, FRI, SAT, SUN'"
        " then 'public holidays' else 'public holidays on ' end",
        "case by_days.days_text"
        " when 'MON, TUE, WED, THU, FRI, SAT, SUN' then case by_days.is_public_holiday when 0 then 'MON-SUN' else '' end"
        " when 'MON, TUE, WED, THU, FRI' then 'MON-FRI' when 'SAT, SUN' then 'SAT-SUN' else by_days.days_text end",
        "' '", minute_text('by_days.first_minute'), "'-'", minute_text('by_days.end_minute'),
        "case when by_days.rate_count = 0 then ' lies in no rate' else ' lies in ' end",
        "first_rates.band_label",
        "case when by_days.rate_count > 2 then ' to ' when by_days.rate_count = 2 then ' and ' else '' end",
        "last_rates.band_label",
    ]) }} as reason
from by_days
left join rate_names as first_rates
    on
        by_days.plan_id = first_rates.plan_id
        and by_days.version_hash = first_rates.version_hash
        and by_days.section = first_rates.section
        and by_days.parent_number = first_rates.parent_number
        and by_days.rate_number = first_rates.rate_number
left join rate_names as last_rates
    on
        by_days.plan_id = last_rates.plan_id
        and by_days.version_hash = last_rates.version_hash
        and by_days.section = last_rates.section
        and by_days.parent_number = last_rates.parent_number
        and by_days.last_rate_number = last_rates.rate_number
