-- One row per device; removed_date null means still there.
select
    {{ clean_text('device_id') }} as device_id,
    {{ clean_text('serial_number') }} as serial_number,
    upper({{ clean_text('nmi') }}) as nmi,
    {{ safe_date('installed_date') }} as installed_date,
    {{ safe_date('removed_date') }} as removed_date
from {{ source('retailer', 'retailer_devices') }}
