-- One row per controlled load of a plan version.
select
    {{ clean_text('plan_id') }} as plan_id,
    {{ clean_text('version_hash') }} as version_hash,
    controlled_load_number,
    {{ clean_text('display_name') }} as display_name,
    {{ clean_text('rate_block_type') }} as rate_block_type,
    {{ safe_date('start_date') }} as start_date,
    {{ safe_date('end_date') }} as end_date
from {{ source('plans', 'plan_controlled_loads') }}
