-- One row per tier of a green power charge of a plan version.
select
    {{ clean_text('plan_id') }} as plan_id,
    {{ clean_text('version_hash') }} as version_hash,
    green_power_number,
    {{ clean_text('display_name') }} as display_name,
    {{ clean_text('description') }} as description,
    upper({{ clean_text('scheme') }}) as scheme,
    upper({{ clean_text('charge_type') }}) as charge_type,
    tier_number,
    {{ safe_decimal('percent_green', 18, 8) }} as percent_green,
    {{ safe_decimal('amount', 18, 8) }} as amount_aud,
    {{ safe_decimal('rate', 18, 8) }} as rate
from {{ source('plans', 'plan_green_power') }}
