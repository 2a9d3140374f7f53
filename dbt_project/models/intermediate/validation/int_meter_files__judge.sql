-- One row per delivered file of the billing days of which this run works a delivery.
select
    files.billing_day,
    files.source,
    files.file_name,
    files.record_count,
    files.has_header,
    files.has_end,
    files.status,
    files.reason,
    {{ filed_under('files.billing_day') }} as filed_under_day
from {{ ref('stg_meter_data__files') }} as files
where exists (
    select 1
    from {{ ref('int_meter_files__touched') }} as touched
    where touched.billing_day = files.billing_day and touched.source = files.source
)
