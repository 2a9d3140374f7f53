-- One row per step of a rate, in order of use. An absent period is P1Y (the standard's default). An empty price is
-- missing, not zero.
select
    {{ clean_text('plan_id') }} as plan_id,
    {{ clean_text('version_hash') }} as version_hash,
    upper({{ clean_text('section') }}) as section,
    parent_number,
    upper({{ clean_text('rate_block') }}) as rate_block,
    rate_number,
    upper({{ clean_text('rate_type') }}) as rate_type,
    {{ clean_text('display_name') }} as display_name,
    coalesce(upper({{ clean_text('period') }}), 'P1Y') as period,
    {{ duration_count("coalesce(" ~ clean_text('period') ~ ", 'P1Y')") }} as period_count,
    {{ duration_unit("coalesce(" ~ clean_text('period') ~ ", 'P1Y')") }} as period_unit,
    {{ clean_text('daily_supply_charge') }} as supply_text,
    {{ safe_decimal('daily_supply_charge', 20, 10) }} as supply_as_served,
    step_number,
    {{ clean_text('unit_price') }} as unit_price_text,
    {{ safe_decimal('unit_price', 20, 10) }} as unit_price_as_served,
    upper({{ clean_text('measure_unit') }}) as measure_unit,
    {{ clean_text('volume') }} as volume_text,
    {{ safe_decimal('volume', 18, 6) }} as volume
from {{ source('plans', 'plan_rates') }}
