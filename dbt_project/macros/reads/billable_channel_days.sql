{# Channel-days as bills are made of them: the current read, or the read with its estimates where these are billed. All of
   them, or those that the relation `scope` names by NMI, suffix and market day. #}
{% macro billable_channel_days(scope=none) %}
    {%- set keys = ['nmi', 'nmi_suffix', 'market_date'] %}
    {%- set carried = keys + ['content_hash', 'is_conflicting'] + half_hour_columns() %}
    select
        {%- for column in carried %}
        channel_days.{{ column }},
        {%- endfor %}
        0 as is_filled
    from
        {%- if scope %} (
        {{ picked_rows(ref('int_channel_days__current'), scope, keys, carried) }}
        )
        {%- else %} {{ ref('int_channel_days__current') }}
        {%- endif %} as channel_days
    left join {{ ref('int_channel_days__fill') }} as fills
        on
            channel_days.nmi = fills.nmi
            and channel_days.nmi_suffix = fills.nmi_suffix
            and channel_days.market_date = fills.market_date
            and fills.is_billed = 1
    where fills.nmi is null
    union all
    select
        {%- for column in carried %}
        {{ column }},
        {%- endfor %}
        1 as is_filled
    from {{ ref('int_channel_days__fill') }}
    where is_billed = 1
{%- endmacro %}
