-- One row per reading of a manually read meter.
select
    {{ clean_text('customer_id') }} as customer_id,
    {{ clean_text('meter_id') }} as device_id,
    {{ clean_text('register_id') }} as register_id,
    {{ safe_decimal('meter_reading', 23, 14) }} as meter_reading,
    {{ safe_date('reading_date') }} as reading_date,
    upper({{ clean_text('reading_type') }}) as reading_type,
    {{ iso_instant_to_utc('read_at') }} as read_at
from {{ source('retailer', 'retailer_meter_readings') }}
