-- One row per 400 record: which intervals of its 300 record (parent_line_number) carry which quality and reason.
select
    billing_day,
    source,
    file_name,
    line_number,
    parent_line_number,
    {{ safe_integer('start_interval') }} as start_interval,
    {{ safe_integer('end_interval') }} as end_interval,
    upper({{ clean_text('quality_method') }}) as quality_method,
    upper(substring({{ clean_text('quality_method') }}, 1, 1)) as quality_flag,
    {{ safe_integer('reason_code') }} as reason_code,
    {{ clean_text('reason_description') }} as reason_description
from {{ source('meter_data', 'meter_interval_events') }}
