-- One row per record that was not taken: refused by the reader, or by SQL where a value turned out to be no number.
select
    billing_day,
    cast(source as {{ text_type(20) }}) as source,
    {{ short_text('file_name', 400) }} as file_name,
    cast(line_number as integer) as line_number,
    {{ short_text('record_indicator', 20) }} as record_indicator,
    {{ short_text('nmi', 40) }} as nmi,
    cast(reason_code as {{ text_type(60) }}) as reason_code,
    {{ short_text('reason', 1000) }} as reason
from {{ ref('stg_meter_data__rejected_records') }}
union all
select
    billing_day,
    cast(source as {{ text_type(20) }}) as source,
    {{ short_text('file_name', 400) }} as file_name,
    cast(line_number as integer) as line_number,
    {{ short_text('record_indicator', 20) }} as record_indicator,
    {{ short_text('nmi', 40) }} as nmi,
    cast(reason_code as {{ text_type(60) }}) as reason_code,
    {{ short_text('reason', 1000) }} as reason
from {{ ref('int_interval_records__reject') }}
