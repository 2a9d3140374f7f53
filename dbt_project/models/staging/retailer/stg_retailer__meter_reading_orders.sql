-- One row per meter reading order of IS-U; billing_day is the scheduled read date.
select
    billing_day,
    {{ clean_text('meter_reading_order_id') }} as meter_reading_order_id,
    {{ clean_text('contract_id') }} as contract_id,
    {{ clean_text('device_id') }} as device_id,
    {{ clean_text('register_id') }} as register_id,
    {{ clean_text('meter_reading_reason') }} as meter_reading_reason,
    {{ safe_date('scheduled_read_date') }} as scheduled_read_date,
    {{ safe_date('period_start_date') }} as period_start_date,
    {{ safe_decimal('previous_reading', 23, 14) }} as previous_reading
from {{ source('retailer', 'retailer_meter_reading_orders') }}
