-- Files without their 900 record: more may have been sent than came.
select
    {{- file_problem_columns('FILE_CUT_OFF', concat_text([
        "file_name", "' of '", text_of('billing_day', 10), "' does not end with a 900 record; the '",
        text_of('record_count'), "' records in it were read'",
    ])) }}
from {{ ref('int_meter_files__judge') }}
where status <> 'QUARANTINED' and has_end = 0
