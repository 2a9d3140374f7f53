-- One row per register of a device. A missing multiplier is 1, a missing time band is ALL.
select
    {{ clean_text('device_id') }} as device_id,
    {{ clean_text('register_id') }} as register_id,
    upper({{ clean_text('nmi_suffix') }}) as nmi_suffix,
    upper({{ clean_text('usage_type') }}) as usage_type,
    coalesce(upper({{ clean_text('time_band') }}), 'ALL') as time_band,
    {{ clean_text('unit') }} as unit,
    coalesce({{ safe_decimal('multiplier', 18, 6) }}, 1) as multiplier,
    {{ safe_integer('integer_places') }} as integer_places,
    {{ safe_integer('decimal_places') }} as decimal_places
from {{ source('retailer', 'retailer_registers') }}
