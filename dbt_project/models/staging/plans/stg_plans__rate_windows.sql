-- One row per window of a rate: the days it names as 1/0, its start minute and the first minute after it (1440 is
-- midnight at the end of the day). A feed-in's window may name days alone: then it is all day.
select
    {{ clean_text('plan_id') }} as plan_id,
    {{ clean_text('version_hash') }} as version_hash,
    upper({{ clean_text('section') }}) as section,
    parent_number,
    rate_number,
    window_number,
    {{ clean_text('days') }} as days_text,
    {% for day in ['MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT', 'SUN', 'BUSINESS_DAYS', 'PUBLIC_HOLIDAYS'] -%}
        {{ days_name('days', day) }} as is_{{ day | lower }},
    {% endfor -%}
    {{ clean_text('start_time') }} as start_text,
    {{ clean_text('end_time') }} as end_text,
    case
        when upper(section) like '%FEED_IN%' and {{ clean_text('start_time') }} is null and {{ clean_text('end_time') }} is null
            then 0
        else {{ minute_of_day('start_time') }}
    end as start_minute,
    case
        when upper(section) like '%FEED_IN%' and {{ clean_text('start_time') }} is null and {{ clean_text('end_time') }} is null
            then 1440
        else {{ window_end_minute('end_time') }}
    end as end_minute
from {{ source('plans', 'plan_rate_windows') }}
