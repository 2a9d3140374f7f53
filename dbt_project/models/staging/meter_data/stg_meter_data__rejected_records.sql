-- One row per record that the reader could not keep; line_number 0 stands for the whole file.
select
    billing_day,
    source,
    file_name,
    line_number,
    {{ clean_text('record_indicator') }} as record_indicator,
    case
        when {{ nmi_checksum_state('upper(trim(nmi))') }} = 'RIGHT' then substring(upper(trim(nmi)), 1, 10)
        else upper({{ clean_text('nmi') }})
    end as nmi,
    reason_code,
    reason
from {{ source('meter_data', 'rejected_records') }}
