{{ config(table_refresh_method='dml') }}
-- One row per service point (NMI).
select
    upper({{ clean_text('nmi') }}) as nmi,
    upper({{ clean_text('jurisdiction') }}) as jurisdiction,
    {{ clean_text('distributor') }} as distributor,
    {{ clean_text('network_tariff_code') }} as network_tariff_code,
    upper({{ clean_text('meter_type') }}) as meter_type,
    upper({{ clean_text('delivery') }}) as delivery,
    {{ text_flag('is_life_support') }} as is_life_support,
    {{ text_flag('is_vacant') }} as is_vacant,
    {{ safe_decimal('connection_capability_kw', 18, 6) }} as connection_capability_kw,
    {{ safe_decimal('distribution_loss_factor', 18, 6) }} as distribution_loss_factor
from {{ source('retailer', 'retailer_service_points') }}
