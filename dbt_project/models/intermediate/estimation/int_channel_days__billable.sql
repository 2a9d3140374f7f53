{{ config(tags=['rating'], materialized='view') }}
{%- set carried = ['nmi', 'nmi_suffix', 'market_date', 'content_hash', 'is_conflicting'] + half_hour_columns() %}
-- One row per channel-day as bills are made of it: the current read, or the read with its estimates where these are billed.
select
    {%- for column in carried %}
    channel_days.{{ column }},
    {%- endfor %}
    0 as is_filled
from {{ ref('int_channel_days__current') }} as channel_days
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
