-- One row per service point: nmi. What it is, for reports and analysts; nothing about the customer.
select
    cast(nmi as {{ text_type(40) }}) as nmi,
    {{ short_text('jurisdiction', 20) }} as jurisdiction,
    {{ short_text('distributor', 100) }} as distributor,
    {{ short_text('network_tariff_code', 40) }} as network_tariff_code,
    {{ short_text('meter_type', 20) }} as meter_type,
    {{ short_text('delivery', 20) }} as delivery,
    cast(connection_capability_kw as {{ kw_type() }}) as connection_capability_kw
from {{ ref('stg_retailer__service_points') }}
