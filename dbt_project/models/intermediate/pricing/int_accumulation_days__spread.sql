-- One row per register of a basic meter and market day of a due bill: an even share of the energy between its two reads.
-- Shares carry 14 decimals; what the division leaves over falls on the last day, so that they add up exactly. A day that
-- has interval data takes those; of spans that overlap, the provider's newest goes first. A day between no two reads has its
-- estimate where that is billed.
with days as (
    select distinct
        nmi,
        market_date
    from {{ ref('int_contract_days') }}
),

spans as (
    select
        spans.nmi,
        spans.nmi_suffix,
        spans.register_key,
        spans.usage_type,
        spans.time_band,
        spans.source_rank,
        spans.first_date,
        spans.last_date,
        spans.energy_kwh,
        spans.is_estimated,
        spans.is_substituted,
        spans.read_version_at,
        spans.source,
        spans.delivery_billing_day,
        spans.file_name,
        spans.line_number,
        spans.content_hash,
        {{ days_between('spans.first_date', 'spans.last_date') }} + 1 as day_count
    from {{ ref('int_accumulation_reads__span') }} as spans
    where spans.first_date <= spans.last_date
),

shares as (
    select
        nmi,
        nmi_suffix,
        register_key,
        usage_type,
        time_band,
        source_rank,
        first_date,
        last_date,
        energy_kwh,
        is_estimated,
        is_substituted,
        read_version_at,
        source,
        delivery_billing_day,
        file_name,
        line_number,
        content_hash,
        day_count,
        cast({{ divide('energy_kwh', 'day_count', 14) }} as {{ kwh_type() }}) as rounded_share
    from spans
),

whole_shares as (
    select
        nmi,
        nmi_suffix,
        register_key,
        usage_type,
        time_band,
        source_rank,
        first_date,
        last_date,
        energy_kwh,
        is_estimated,
        is_substituted,
        read_version_at,
        source,
        delivery_billing_day,
        file_name,
        line_number,
        content_hash,
        day_count,
        -- Rounded down, so that the last day is never left with less than nothing.
        rounded_share - case
            when rounded_share * day_count > energy_kwh then cast(0.00000000000001 as {{ kwh_type() }}) else 0
        end as daily_share
    from shares
),

spread as (
    select
        spans.nmi,
        spans.nmi_suffix,
        spans.register_key,
        spans.usage_type,
        spans.time_band,
        days.market_date,
        case
            when days.market_date = spans.last_date then spans.energy_kwh - spans.daily_share * (spans.day_count - 1)
            else spans.daily_share
        end as energy_kwh,
        spans.is_estimated,
        spans.is_substituted,
        spans.read_version_at,
        spans.first_date,
        spans.last_date,
        spans.source,
        spans.delivery_billing_day,
        spans.file_name,
        spans.line_number,
        spans.content_hash,
        row_number() over (
            partition by spans.nmi, spans.nmi_suffix, spans.register_key, days.market_date
            order by spans.source_rank, spans.read_version_at desc, spans.last_date, spans.first_date desc
        ) as choice,
        min(spans.source_rank) over (partition by spans.nmi, spans.nmi_suffix, days.market_date) as best_source_rank,
        spans.source_rank
    from whole_shares as spans
    inner join days
        on spans.nmi = days.nmi and days.market_date between spans.first_date and spans.last_date
)

select
    spread.nmi,
    spread.nmi_suffix,
    spread.register_key,
    spread.usage_type,
    spread.time_band,
    spread.market_date,
    cast(spread.energy_kwh as {{ kwh_type() }}) as energy_kwh,
    spread.is_estimated,
    spread.is_substituted,
    spread.read_version_at,
    spread.first_date,
    spread.last_date,
    spread.source,
    spread.delivery_billing_day,
    spread.file_name,
    spread.line_number,
    spread.content_hash
from spread
left join {{ ref('int_channel_days__current') }} as channel_days
    on
        spread.nmi = channel_days.nmi
        and spread.nmi_suffix = channel_days.nmi_suffix
        and spread.market_date = channel_days.market_date
where spread.choice = 1 and spread.source_rank = spread.best_source_rank and channel_days.nmi is null
union all
select
    estimates.nmi,
    estimates.nmi_suffix,
    {{ concat_text(["'ESTIMATE '", "estimates.method", "' '", "estimates.register_key"]) }} as register_key,
    estimates.usage_type,
    estimates.time_band,
    estimates.market_date,
    estimates.filled_kwh as energy_kwh,
    1 as is_estimated,
    0 as is_substituted,
    cast(null as {{ instant_type() }}) as read_version_at,
    estimates.market_date as first_date,
    estimates.market_date as last_date,
    'ESTIMATE' as source,
    cast(null as date) as delivery_billing_day,
    cast(null as {{ text_type(400) }}) as file_name,
    cast(null as integer) as line_number,
    cast(null as {{ text_type(64) }}) as content_hash
from {{ ref('int_accumulation_gaps__estimate') }} as estimates
where estimates.is_billed = 1
