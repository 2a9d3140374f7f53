-- One row per record that was not taken: refused by the reader, or by SQL where a value turned out to be no number.
select
    billing_day,
    source,
    file_name,
    line_number,
    record_indicator,
    nmi,
    reason_code,
    reason
from {{ ref('stg_meter_data__rejected_records') }}
union all
select
    billing_day,
    source,
    file_name,
    line_number,
    record_indicator,
    nmi,
    reason_code,
    reason
from {{ ref('int_interval_records__reject') }}
