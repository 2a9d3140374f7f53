{# The records of the versions that int_channel_days__work lists, with their values, for one way of splitting them.
   A subquery for each way, never one CTE for both: a CTE would hold the values of a whole day in memory.
   A record whose quality is N has no energy, whatever its values; the general way knows that. #}
{% macro current_records(way, values_column) %}
    select
        work.nmi,
        work.nmi_suffix,
        work.market_date,
        work.source,
        work.billing_day,
        work.file_name,
        work.line_number,
        records.delivered_nmi,
        records.has_wrong_checksum,
        records.nmi_configuration,
        records.register_id,
        records.serial_number,
        records.unit,
        records.kwh_factor,
        records.interval_length_minutes,
        records.quality_method,
        records.quality_flag,
        records.reason_code,
        records.read_version_at,
        records.content_hash,
        work.is_conflicting,
        work.has_negative_value,
        work.event_count,
        work.has_faulty_event,
        work.covered_interval_count,
        work.event_actual_count,
        work.event_substituted_count,
        work.event_unknown_count,
        records.value_count,
        {{ values_column }}
    from {{ ref('int_channel_days__work') }} as work
    inner join {{ ref('stg_meter_data__interval_records') }} as records
        on
            work.billing_day = records.billing_day
            and work.source = records.source
            and work.file_name = records.file_name
            and work.line_number = records.line_number
    where
        {% if way == 'ODD' -%}
        work.value_form not in ('PLAIN', 'FINE') or coalesce(records.quality_flag, '') = 'N'
        {%- else -%}
        work.value_form = '{{ way }}' and coalesce(records.quality_flag, '') <> 'N'
        {%- endif %}
{%- endmacro %}
