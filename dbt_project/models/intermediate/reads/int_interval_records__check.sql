-- One row per interval record of the deliveries this run works, without its values but with how they are written.
-- refusal_code names what the reader's gate let through and SQL cannot use.
with records as (
    select
        records.billing_day,
        records.source,
        records.file_name,
        records.line_number,
        records.delivered_nmi,
        records.nmi,
        records.has_wrong_checksum,
        records.nmi_suffix,
        records.nmi_configuration,
        records.serial_number,
        records.unit,
        records.kwh_factor,
        records.interval_length_minutes,
        records.market_date,
        records.value_count,
        records.content_hash,
        records.quality_method,
        records.quality_flag,
        records.reason_code,
        records.read_version_at,
        {{ value_form('records.values_text') }} as value_form,
        {{ flag("records.values_text like '%-%'") }} as has_negative_value
    from {{ ref('stg_meter_data__interval_records') }} as records
    inner join {{ ref('int_meter_files__touched') }} as touched
        on
            records.billing_day = touched.billing_day
            and records.source = touched.source
            and records.file_name = touched.file_name
)

select
    billing_day,
    source,
    file_name,
    line_number,
    delivered_nmi,
    nmi,
    has_wrong_checksum,
    nmi_suffix,
    nmi_configuration,
    serial_number,
    unit,
    kwh_factor,
    interval_length_minutes,
    market_date,
    value_count,
    content_hash,
    quality_method,
    quality_flag,
    reason_code,
    read_version_at,
    value_form,
    has_negative_value,
    case
        when nmi is null then 'NMI_MISSING'
        when nmi_suffix is null then 'NMI_SUFFIX_MISSING'
        when market_date is null then 'INTERVAL_DATE_INVALID'
        when interval_length_minutes is null or interval_length_minutes <= 0 then 'INTERVAL_LENGTH_INVALID'
        when value_count * interval_length_minutes <> 1440 then 'WRONG_VALUE_COUNT'
        when value_form = 'BAD' then 'VALUE_NOT_NUMERIC'
    end as refusal_code
from records
