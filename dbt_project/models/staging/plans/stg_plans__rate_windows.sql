-- One row per window of a rate: the days it names as 1/0, its start minute and the first minute after it (1440 is
-- midnight at the end of the day).
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
    {{ minute_of_day('start_time') }} as start_minute,
    {{ window_end_minute('end_time') }} as end_minute
from {{ source('plans', 'plan_rate_windows') }}
