-- One row per distinct answer of the plan register for a plan. An absent clock is AEST (the standard's default).
select
    {{ clean_text('plan_id') }} as plan_id,
    {{ clean_text('version_hash') }} as version_hash,
    first_seen_billing_day,
    {{ iso_instant_to_utc('effective_from') }} as effective_from_at,
    {{ iso_instant_to_utc('last_updated') }} as last_updated_at,
    upper({{ clean_text('customer_type') }}) as customer_type,
    upper({{ clean_text('pricing_model') }}) as pricing_model,
    coalesce(upper({{ clean_text('time_zone') }}), 'AEST') as clock,
    {{ clean_text('display_name') }} as display_name,
    {{ clean_text('brand') }} as brand,
    content_json
from {{ source('plans', 'plan_versions') }}
