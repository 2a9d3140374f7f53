-- One row per band of a banded daily supply charge, in order of use.
select
    {{ clean_text('plan_id') }} as plan_id,
    {{ clean_text('version_hash') }} as version_hash,
    tariff_period_number,
    band_number,
    {{ clean_text('unit_price') }} as unit_price_text,
    {{ safe_decimal('unit_price', 20, 10) }} as unit_price_as_served,
    upper({{ clean_text('measure_unit') }}) as measure_unit,
    {{ clean_text('volume') }} as volume_text,
    {{ safe_decimal('volume', 18, 6) }} as volume
from {{ source('plans', 'plan_supply_bands') }}
