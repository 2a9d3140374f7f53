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
),

-- A day of 100 GWh is no meter's, and would not fit the types of energy further on. Few records have values long enough
-- to be looked at: only these are taken apart here.
suspects as (
    select
        checked.billing_day,
        checked.source,
        checked.file_name,
        checked.line_number,
        checked.kwh_factor,
        delivered.values_text
    from records as checked
    inner join {{ ref('stg_meter_data__interval_records') }} as delivered
        on
            checked.billing_day = delivered.billing_day
            and checked.source = delivered.source
            and checked.file_name = delivered.file_name
            and checked.line_number = delivered.line_number
    where
        checked.value_form <> 'BAD'
        and (checked.value_form <> 'PLAIN' or checked.kwh_factor = 1000)
        and (
            (checked.kwh_factor = 1 and {{ has_long_value('delivered.values_text', 6) }})
            or (checked.kwh_factor < 1 and {{ has_long_value('delivered.values_text', 9) }})
            or (checked.kwh_factor > 1 and {{ has_long_value('delivered.values_text', 3) }})
        )
),

suspect_values as (
    {{ split_record('suspects', ['billing_day', 'source', 'file_name', 'line_number', 'kwh_factor']) }}
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
