-- One row per service point: nmi. What it is, for reports and analysts; nothing about the customer.
select
    cast(nmi as {{ text_type(20) }}) as nmi,
    cast(jurisdiction as {{ text_type(3) }}) as jurisdiction,
    cast(distributor as {{ text_type(100) }}) as distributor,
    cast(network_tariff_code as {{ text_type(40) }}) as network_tariff_code,
    cast(meter_type as {{ text_type(20) }}) as meter_type,
    cast(delivery as {{ text_type(20) }}) as delivery,
    cast(connection_capability_kw as {{ kw_type() }}) as connection_capability_kw
from {{ ref('stg_retailer__service_points') }}
