-- One row per 500 or 550 record, tied to its 300 or 250 by parent_line_number.
select
    billing_day,
    source,
    file_name,
    line_number,
    parent_line_number,
    record_indicator,
    upper({{ clean_text('trans_code') }}) as trans_code,
    {{ clean_text('ret_service_order') }} as ret_service_order,
    {{ market_time_to_utc('read_text') }} as read_at,
    {{ safe_decimal('index_read', 18, 6) }} as index_read,
    upper({{ clean_text('previous_trans_code') }}) as previous_trans_code,
    {{ clean_text('previous_ret_service_order') }} as previous_ret_service_order
from {{ source('meter_data', 'meter_b2b_details') }}
