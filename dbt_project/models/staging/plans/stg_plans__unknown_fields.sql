-- One row per field or value of a plan version that the standard does not name.
select
    {{ clean_text('plan_id') }} as plan_id,
    {{ clean_text('version_hash') }} as version_hash,
    {{ clean_text('field_path') }} as field_path,
    {{ clean_text('field_value') }} as field_value
from {{ source('plans', 'plan_unknown_fields') }}
