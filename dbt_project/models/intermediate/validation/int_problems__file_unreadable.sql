-- Files of which nothing could be read.
select
    {{- file_problem_columns('FILE_UNREADABLE', concat_text([
        "file_name", "' of '", text_of('billing_day', 10), "' cannot be read: '", "reason",
    ])) }}
from {{ ref('int_meter_files__judge') }}
where status = 'QUARANTINED'
