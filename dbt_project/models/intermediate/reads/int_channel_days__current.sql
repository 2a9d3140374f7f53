{{ config(
    materialized='incremental',
    incremental_strategy='replace',
    replace_scope='int_channel_days__touched',
    replace_on=['nmi', 'nmi_suffix', 'market_date'],
) }}
{%- set carried = [
    'nmi', 'nmi_suffix', 'market_date', 'source', 'billing_day', 'file_name', 'line_number', 'delivered_nmi',
    'has_wrong_checksum', 'nmi_configuration', 'register_id', 'serial_number', 'unit', 'kwh_factor',
    'interval_length_minutes', 'quality_method', 'quality_flag', 'reason_code', 'read_version_at', 'content_hash',
    'is_conflicting', 'has_negative_value', 'event_count', 'has_faulty_event', 'covered_interval_count', 'value_count',
] %}
{%- set counts = [
    'actual_interval_count', 'substituted_interval_count', 'estimated_interval_count', 'missing_interval_count',
    'unknown_quality_interval_count',
] %}
{#- Values are joined and summed by a number of their record, not by the texts that name it. #}
{%- set record_number -%}
    row_number() over (
        order by records.billing_day, records.source, records.file_name, records.line_number
    ) as record_number
{%- endset %}
-- One row per channel-day of energy: its current read version as 48 half hours of kWh, exact, with the quality of its
-- intervals counted. The values are split once, here; every later model works on these columns (half_hours_of).
-- An interval of no known quality (left out by the 400 records of a V day, or under a flag nobody knows there) counts as
-- estimated, as nothing says it is better, and again in unknown_quality_interval_count.
-- depends_on: {{ ref('int_channel_days__touched') }}
with odd_records as (
    {{ current_records('ODD', 'records.values_text, ' ~ record_number) }}
),

odd_values as (
    {{ split_record('odd_records', ['record_number', 'interval_length_minutes', 'quality_flag', 'kwh_factor']) }}
),

odd_events as (
    select
        odd_records.record_number,
        events.first_interval,
        events.last_interval,
        events.quality_flag
    from odd_records
    inner join {{ ref('int_interval_events__clip') }} as events
        on
            odd_records.billing_day = events.billing_day
            and odd_records.source = events.source
            and odd_records.file_name = events.file_name
            and odd_records.line_number = events.parent_line_number
),

odd_intervals as (
    select
        odd_values.record_number,
        {{ integer_divide('(odd_values.ordinal - 1) * odd_values.interval_length_minutes', '30') }} + 1 as half_hour,
        coalesce(events.quality_flag, odd_values.quality_flag) as quality_flag,
        case
            when coalesce(events.quality_flag, odd_values.quality_flag) = 'N' then null
            else cast(cast({{ clean_text('odd_values.value_text') }} as {{ kwh_type() }}) * odd_values.kwh_factor as {{ kwh_type() }})
        end as interval_kwh
    from odd_values
    left join odd_events as events
        on
            odd_values.record_number = events.record_number
            and odd_values.ordinal between events.first_interval and events.last_interval
),

odd_half_hours as (
    select
        record_number,
        half_hour,
        cast(sum(interval_kwh) as {{ kwh_type() }}) as half_hour_kwh,
        sum(case when interval_kwh is null then 0 when quality_flag = 'A' then 1 else 0 end) as actual_count,
        sum(case when interval_kwh is null then 0 when quality_flag in ('S', 'F') then 1 else 0 end)
            as substituted_count,
        sum(case when interval_kwh is null then 1 else 0 end) as missing_count,
        sum(case
            when interval_kwh is null then 0
            when quality_flag in ('A', 'S', 'F', 'E') then 0
            else 1
        end) as unknown_quality_count
    from odd_intervals
    group by record_number, half_hour
),

odd_days as (
    select
        record_number,
        {%- for column in half_hour_columns() %}
        coalesce(max(case when half_hour = {{ loop.index }} then half_hour_kwh end), 0) as {{ column }},
        {%- endfor %}
        cast(sum(actual_count) as integer) as actual_interval_count,
        cast(sum(substituted_count) as integer) as substituted_interval_count,
        cast(sum(missing_count) as integer) as missing_interval_count,
        cast(sum(unknown_quality_count) as integer) as unknown_quality_interval_count
    from odd_half_hours
    group by record_number
),

split_days as (
    select
        {%- for column in carried %}
        odd_records.{{ column }},
        {%- endfor %}
        {%- for column in half_hour_columns() %}
        cast(odd_days.{{ column }} as {{ kwh_type() }}) as {{ column }},
        {%- endfor %}
        odd_days.actual_interval_count,
        odd_days.substituted_interval_count,
        odd_records.value_count - odd_days.actual_interval_count - odd_days.substituted_interval_count
        - odd_days.missing_interval_count as estimated_interval_count,
        odd_days.missing_interval_count,
        odd_days.unknown_quality_interval_count
    from odd_records
    inner join odd_days
        on odd_records.record_number = odd_days.record_number
    {%- for way in (['PLAIN', 'FINE'] if has_plain_way() else []) %}
    union all
    select
        {%- for column in carried %}
        {{ column }},
        {%- endfor %}
        {%- for column in half_hour_columns() %}
        {{ plain_half_hour(loop.index) }} as {{ column }},
        {%- endfor %}
        event_actual_count
        + case when quality_flag = 'A' then value_count - covered_interval_count else 0 end as actual_interval_count,
        event_substituted_count
        + case when quality_flag in ('S', 'F') then value_count - covered_interval_count else 0 end
            as substituted_interval_count,
        covered_interval_count - event_actual_count - event_substituted_count
        + case when quality_flag in ('A', 'S', 'F') then 0 else value_count - covered_interval_count end
            as estimated_interval_count,
        0 as missing_interval_count,
        event_unknown_count + case
            when quality_flag in ('A', 'S', 'F', 'E') then 0
            else value_count - covered_interval_count
        end as unknown_quality_interval_count
    from (
        {{ current_records(way, plain_values('records.values_text', way) ~ ' as delivered_values') }}
    ) as plain_days
    {%- endfor %}
)

select
    {%- for column in carried %}
    {{ column }},
    {%- endfor %}
    {%- for column in half_hour_columns() %}
    {{ column }},
    {%- endfor %}
    {%- for column in counts %}
    {{ column }},
    {%- endfor %}
    cast({{ half_hour_columns() | join(' + ') }} as {{ kwh_type() }}) as usage_kwh,
    cast({{ largest_of(half_hour_columns()) }} * 2 as {{ kw_type() }}) as max_demand_kw
from split_days
