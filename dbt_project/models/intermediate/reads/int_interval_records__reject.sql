{{ config(
    materialized='incremental',
    incremental_strategy='replace',
    replace_scope='int_meter_files__touched',
    replace_on=['billing_day', 'source', 'file_name'],
) }}
-- One row per interval record that the reader kept and SQL refuses, with the reason a person reads.
-- depends_on: {{ ref('int_meter_files__touched') }}
select
    billing_day,
    source,
    file_name,
    line_number,
    '300' as record_indicator,
    nmi,
    refusal_code as reason_code,
    case refusal_code
        when 'NMI_MISSING' then 'The record has no NMI.'
        when 'NMI_SUFFIX_MISSING' then 'The record has no NMI suffix.'
        when 'INTERVAL_DATE_INVALID' then 'The interval date is no date.'
        when 'INTERVAL_LENGTH_INVALID' then 'The interval length is no number of minutes.'
        when 'WRONG_VALUE_COUNT'
            then
                {{ concat_text([
                    text_of('value_count'), "' values do not make a day of '", text_of('interval_length_minutes'),
                    "' minute intervals.'",
                ]) }}
        when 'VALUE_OUT_OF_RANGE'
            then
                {{ concat_text([
                    "'The values of '", "nmi_suffix", "' on '", text_of('market_date'),
                    "' make 100 GWh or more, which no meter measures in a day.'",
                ]) }}
        else
            {{ concat_text([
                "'A value of '", "nmi_suffix", "' on '", text_of('market_date'),
                "' is no number of at most nine digits before the point.'",
            ]) }}
    end as reason
from {{ ref('int_interval_records__check') }}
where refusal_code is not null
union all
select
    records.billing_day,
    records.source,
    records.file_name,
    records.line_number,
    '250' as record_indicator,
    records.nmi,
    'VALUE_OUT_OF_RANGE' as reason_code,
    {{ concat_text([
        "'The quantity of '", "records.nmi_suffix", "' in '", "records.unit", "' is more than can be kept: '",
        text_of('records.quantity'),
    ]) }} as reason
from {{ ref('stg_meter_data__accumulation_records') }} as records
inner join {{ ref('int_meter_files__touched') }} as touched
    on
        records.billing_day = touched.billing_day
        and records.source = touched.source
        and records.file_name = touched.file_name
where records.kwh_factor is not null and records.energy_kwh is null
