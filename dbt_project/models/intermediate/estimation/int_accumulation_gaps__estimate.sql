{{ config(tags=['rating']) }}
-- One row per register of a basic meter and market day without a read: its average daily use (the market's method 65), between
-- the last two reads before the day of which neither was an estimate. is_billed as for a channel-day
-- (int_channel_days__fill): a person released the exception that waits for the day, or estimates are billed by themselves.
with candidates as (
    select
        gaps.nmi,
        gaps.nmi_suffix,
        gaps.market_date,
        spans.register_key,
        spans.usage_type,
        spans.time_band,
        spans.first_date,
        spans.last_date,
        spans.energy_kwh,
        row_number() over (
            partition by gaps.nmi, gaps.nmi_suffix, gaps.market_date, spans.usage_type, spans.time_band
            order by spans.last_date desc, spans.source_rank, spans.first_date, spans.register_key
        ) as choice
    from {{ ref('int_accumulation_gaps__find') }} as gaps
    inner join {{ ref('int_accumulation_reads__span') }} as spans
        on
            gaps.nmi = spans.nmi
            and gaps.nmi_suffix = spans.nmi_suffix
            and spans.last_date < gaps.market_date
    where spans.is_estimated = 0 and spans.energy_kwh >= 0 and spans.first_date <= spans.last_date
),

policy as (
    select max(parameter_value) as is_billed
    from {{ ref('int_estimation_parameters__list') }}
    where
        parameter = 'ESTIMATES_BILLED'
        and {{ date_literal(var('end_day')) }} between first_date and last_date
),

released as (
    select distinct
        gaps.nmi,
        gaps.nmi_suffix,
        gaps.market_date
    from {{ ref('int_accumulation_gaps__find') }} as gaps
    inner join {{ ref('stg_operations__exception_queue') }} as queue
        on
            gaps.nmi = queue.nmi
            and gaps.nmi_suffix = coalesce(queue.nmi_suffix, gaps.nmi_suffix)
            and gaps.market_date between queue.first_market_date and queue.last_market_date
    where queue.state = 'RELEASED' and queue.rule_code in ('READ_MISSING_DAY', 'ORDER_WITHOUT_DATA')
)

select
    candidates.nmi,
    candidates.nmi_suffix,
    candidates.market_date,
    candidates.register_key,
    candidates.usage_type,
    candidates.time_band,
    'AVERAGE_DAILY_USE' as method,
    {{ concat_text([
        "'the reads of '", text_of(add_days('candidates.first_date', -1), 10), "' and '",
        text_of('candidates.last_date', 10),
    ]) }} as taken_from,
    cast(
        {{ divide('candidates.energy_kwh', days_between('candidates.first_date', 'candidates.last_date') ~ ' + 1', 14) }}
        as {{ kwh_type() }}
    ) as filled_kwh,
    case when policy.is_billed = 1 or released.nmi is not null then 1 else 0 end as is_billed
from candidates
cross join policy
left join released
    on
        candidates.nmi = released.nmi
        and candidates.nmi_suffix = released.nmi_suffix
        and candidates.market_date = released.market_date
where candidates.choice = 1
