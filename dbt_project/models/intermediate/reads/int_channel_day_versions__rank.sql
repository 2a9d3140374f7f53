{{ config(
    materialized='incremental',
    incremental_strategy='replace',
    replace_scope='int_channel_days__touched',
    replace_on=['nmi', 'nmi_suffix', 'market_date'],
) }}
-- One row per delivered version of a channel-day of energy. version_rank 1 is current: the latest read_version_at of all
-- deliveries known, whichever run works; of equal stamps the one delivered first. is_conflicting marks a channel-day
-- whose latest stamp came with different contents: nothing in the data says which is right.
-- depends_on: {{ ref('int_channel_days__touched') }}, {{ ref('int_meter_files__touched') }}
with delivered as (
    select
        nmi,
        nmi_suffix,
        market_date,
        billing_day,
        source,
        file_name,
        line_number,
        read_version_at,
        content_hash,
        interval_length_minutes,
        value_form,
        has_negative_value
    from {{ ref('int_interval_records__check') }}
    where refusal_code is null and kwh_factor is not null
    {%- if is_incremental() %}
    union all
    select
        known.nmi,
        known.nmi_suffix,
        known.market_date,
        known.billing_day,
        known.source,
        known.file_name,
        known.line_number,
        known.read_version_at,
        known.content_hash,
        known.interval_length_minutes,
        known.value_form,
        known.has_negative_value
    from {{ this }} as known
    inner join {{ ref('int_channel_days__touched') }} as touched
        on
            known.nmi = touched.nmi
            and known.nmi_suffix = touched.nmi_suffix
            and known.market_date = touched.market_date
    left join {{ ref('int_meter_files__touched') }} as files
        on
            known.billing_day = files.billing_day
            and known.source = files.source
            and known.file_name = files.file_name
    where
        files.file_name is null
        and known.billing_day not between {{ date_literal(var('start_day')) }} and {{ date_literal(var('end_day')) }}
    {%- endif %}
),

ranked as (
    select
        nmi,
        nmi_suffix,
        market_date,
        billing_day,
        source,
        file_name,
        line_number,
        read_version_at,
        content_hash,
        interval_length_minutes,
        value_form,
        has_negative_value,
        row_number() over (
            partition by nmi, nmi_suffix, market_date
            order by read_version_at desc, billing_day, source desc, file_name, line_number
        ) as version_rank,
        max(read_version_at) over (partition by nmi, nmi_suffix, market_date) as latest_version_at
    from delivered
),

compared as (
    select
        nmi,
        nmi_suffix,
        market_date,
        min(content_hash) as first_hash,
        max(content_hash) as last_hash
    from ranked
    where read_version_at = latest_version_at
    group by nmi, nmi_suffix, market_date
)

select
    ranked.nmi,
    ranked.nmi_suffix,
    ranked.market_date,
    ranked.billing_day,
    ranked.source,
    ranked.file_name,
    ranked.line_number,
    ranked.read_version_at,
    ranked.content_hash,
    ranked.interval_length_minutes,
    ranked.value_form,
    ranked.has_negative_value,
    cast(ranked.version_rank as integer) as version_rank,
    case when compared.first_hash = compared.last_hash then 0 else 1 end as is_conflicting
from ranked
inner join compared
    on
        ranked.nmi = compared.nmi
        and ranked.nmi_suffix = compared.nmi_suffix
        and ranked.market_date = compared.market_date
