-- One row per feed-in tariff of a plan version.
select
    {{ clean_text('plan_id') }} as plan_id,
    {{ clean_text('version_hash') }} as version_hash,
    feed_in_number,
    {{ clean_text('display_name') }} as display_name,
    {{ clean_text('description') }} as description,
    upper({{ clean_text('scheme') }}) as scheme,
    upper({{ clean_text('payer_type') }}) as payer_type,
    {{ clean_text('tariff_type') }} as tariff_type,
    {{ safe_date('start_date') }} as start_date,
    {{ safe_date('end_date') }} as end_date
from {{ source('plans', 'plan_feed_ins') }}
