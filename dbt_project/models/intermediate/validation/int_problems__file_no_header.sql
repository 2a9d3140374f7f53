-- Files without their 100 record; everything else of them was taken.
select
    {{- file_problem_columns('FILE_NO_HEADER', concat_text([
        "file_name", "' of '", text_of('billing_day', 10), "' has no 100 record; its '", text_of('record_count'),
        "' other records were read'",
    ])) }}
from {{ ref('int_meter_files__judge') }}
where status <> 'QUARANTINED' and has_header = 0
