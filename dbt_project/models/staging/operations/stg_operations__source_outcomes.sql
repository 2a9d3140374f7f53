-- One row per source and billing day: how its last read went.
select
    billing_day,
    source_name,
    upper(status) as status,
    detail,
    row_count,
    started_at,
    finished_at
from {{ source('operations', 'source_outcomes') }}
