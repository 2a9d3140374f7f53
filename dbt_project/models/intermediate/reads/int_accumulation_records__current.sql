{%- set carried = [
    'billing_day', 'source', 'file_name', 'line_number', 'nmi', 'nmi_suffix', 'register_id', 'serial_number',
    'direction_indicator', 'previous_register_read', 'previous_read_date', 'previous_quality_method',
    'previous_quality_flag', 'previous_reason_code', 'current_register_read', 'current_read_date',
    'current_quality_method', 'current_quality_flag', 'current_reason_code', 'energy_kwh', 'unit',
    'has_wrong_checksum', 'read_version_at', 'content_hash',
] %}
{%- set read_key = 'nmi, nmi_suffix, register_id, previous_read_date, current_read_date' %}
{%- set answers %}partition by source, {{ read_key }} order by read_version_at, meaning, file_name, line_number{% endset %}
-- One row per register and pair of read dates of a basic meter (NEM13): the latest version of its 250 record.
-- is_conflicting: the latest stamp came with different contents, so none of it is billed. How a number is written (12.0 and
-- 12.00) makes no difference.
with delivered as (
    select
        billing_day,
        source,
        file_name,
        line_number,
        nmi,
        nmi_suffix,
        coalesce(register_id, '') as register_id,
        serial_number,
        direction_indicator,
        previous_register_read,
        previous_read_date,
        previous_quality_method,
        previous_quality_flag,
        previous_reason_code,
        current_register_read,
        current_read_date,
        current_quality_method,
        current_quality_flag,
        current_reason_code,
        energy_kwh,
        unit,
        has_wrong_checksum,
        read_version_at,
        content_hash,
        {{ concat_text([
            "serial_number", "'|'", "direction_indicator", "'|'", text_of('previous_register_read'), "'|'",
            "previous_quality_method", "'|'", text_of('current_register_read'), "'|'", "current_quality_method", "'|'",
            text_of('energy_kwh'),
        ]) }} as meaning
    from {{ ref('stg_meter_data__accumulation_records') }}
    where
        billing_day <= {{ date_literal(var('end_day')) }}
        and kwh_factor is not null
        and energy_kwh is not null
        and previous_read_date is not null
        and current_read_date is not null
),

-- An API is asked again and again and stamps nothing: an answer that says what its last one said is no version of its own.
answers as (
    select
        {%- for column in carried %}
        {{ column }},
        {%- endfor %}
        meaning,
        case
            when
                source = 'API'
                and meaning = lag(meaning) over ({{ answers }})
                and min(meaning) over (partition by source, {{ read_key }}, read_version_at)
                = max(meaning) over (partition by source, {{ read_key }}, read_version_at)
                then 1
            else 0
        end as is_repeated
    from delivered
),

stated as (
    select
        {%- for column in carried %}
        {{ column }},
        {%- endfor %}
        meaning,
        max(case when is_repeated = 0 then read_version_at end) over (
            {{ answers }} rows between unbounded preceding and current row
        ) as stated_at
    from answers
),

ranked as (
    select
        {%- for column in carried %}
        {{ column }},
        {%- endfor %}
        meaning,
        stated_at,
        row_number() over (
            partition by {{ read_key }}
            order by stated_at desc, billing_day, source desc, file_name, line_number
        ) as version_rank,
        max(stated_at) over (partition by {{ read_key }}) as latest_stated_at
    from stated
),

compared as (
    select
        {%- for column in carried %}
        {{ column }},
        {%- endfor %}
        version_rank,
        min(case when stated_at = latest_stated_at then meaning end) over (partition by {{ read_key }}) as first_meaning,
        max(case when stated_at = latest_stated_at then meaning end) over (partition by {{ read_key }}) as last_meaning
    from ranked
)

select
    {%- for column in carried %}
    {{ column }},
    {%- endfor %}
    case when first_meaning = last_meaning then 0 else 1 end as is_conflicting
from compared
where version_rank = 1
