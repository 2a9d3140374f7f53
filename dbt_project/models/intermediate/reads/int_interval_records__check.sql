-- One row per interval record of the deliveries this run works, without its values but with how they are written.
-- refusal_code names what the reader's gate let through and SQL cannot use.
with formed as (
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
        records.values_text,
        {{ value_form('records.values_text') }} as value_form,
        {{ flag("records.values_text like '%-%'") }} as has_negative_value
    from {{ ref('stg_meter_data__interval_records') }} as records
    inner join {{ ref('int_meter_files__touched') }} as touched
        on
            records.billing_day = touched.billing_day
            and records.source = touched.source
            and records.file_name = touched.file_name
),

-- A day of 100 GWh is no meter's, and would not fit the types of energy further on. Few records have values long enough
-- to be looked at: only these keep their text, to be taken apart here.
records as (
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
            when value_form = 'BAD' or (value_form in ('PLAIN', 'FINE') and kwh_factor <= 1) then null
            when kwh_factor = 1 and {{ has_long_value('values_text', 6) }} then values_text
            when kwh_factor < 1 and {{ has_long_value('values_text', 9) }} then values_text
            when kwh_factor > 1 and {{ has_long_value('values_text', 3) }} then values_text
        end as long_values_text
    from formed
),

suspects as (
    select
        billing_day,
        source,
        file_name,
        line_number,
        kwh_factor,
        long_values_text
    from records
    where long_values_text is not null
),

suspect_values as (
    {{ split_record('suspects', ['billing_day', 'source', 'file_name', 'line_number', 'kwh_factor'], 'long_values_text') }}
),

out_of_range as (
    select
        billing_day,
        source,
        file_name,
        line_number
    from suspect_values
    group by billing_day, source, file_name, line_number
    having cast(sum(abs({{ safe_decimal('value_text', 18, 3) }} * kwh_factor)) as decimal(38, 6)) >= 100000000
)

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
    records.value_form,
    records.has_negative_value,
    case
        when records.nmi is null then 'NMI_MISSING'
        when records.nmi_suffix is null then 'NMI_SUFFIX_MISSING'
        when records.market_date is null then 'INTERVAL_DATE_INVALID'
        when coalesce(records.interval_length_minutes, 0) <= 0 then 'INTERVAL_LENGTH_INVALID'
        when records.value_count * records.interval_length_minutes <> 1440 then 'WRONG_VALUE_COUNT'
        when records.value_form = 'BAD' then 'VALUE_NOT_NUMERIC'
        when out_of_range.file_name is not null then 'VALUE_OUT_OF_RANGE'
    end as refusal_code
from records
left join out_of_range
    on
        records.billing_day = out_of_range.billing_day
        and records.source = out_of_range.source
        and records.file_name = out_of_range.file_name
        and records.line_number = out_of_range.line_number
