{{ config(tags=['rating']) }}
-- One row per channel, market day and half hour that lacks energy: intervals without a value on a delivered day (touched by
-- this run, or in a due bill), and every half hour of a due bill's day that did not come at all for a channel that has a
-- register. missing_count of interval_count intervals are to be estimated; a channel-day in conflict is no gap.
with due_channels as (
    select distinct
        due.nmi,
        registers.nmi_suffix,
        case
            when registers.first_date > due.period_start_date then registers.first_date
            else due.period_start_date
        end as first_date,
        case
            when registers.last_date < due.period_end_date then registers.last_date
            else due.period_end_date
        end as last_date
    from {{ ref('int_bill_periods__due') }} as due
    inner join {{ ref('int_registers__configured') }} as registers
        on due.nmi = registers.nmi
    inner join {{ ref('stg_retailer__service_points') }} as service_points
        on due.nmi = service_points.nmi
    where
        substring(registers.nmi_suffix, 1, 1) in ('B', 'E')
        and coalesce(service_points.delivery, 'FILE') <> 'READING'
),

partial_days as (
    select
        channel_days.nmi,
        channel_days.nmi_suffix,
        channel_days.market_date,
        channel_days.billing_day,
        channel_days.source,
        channel_days.file_name,
        channel_days.line_number,
        channel_days.interval_length_minutes,
        channel_days.quality_flag
    from {{ ref('int_channel_days__current') }} as channel_days
    where
        channel_days.missing_interval_count > 0
        and channel_days.is_conflicting = 0
        and (
            exists (
                select 1
                from due_channels
                where
                    due_channels.nmi = channel_days.nmi
                    and due_channels.nmi_suffix = channel_days.nmi_suffix
                    and channel_days.market_date between due_channels.first_date and due_channels.last_date
            )
            or exists (
                select 1
                from {{ ref('int_channel_days__touched') }} as touched
                where
                    touched.nmi = channel_days.nmi
                    and touched.nmi_suffix = channel_days.nmi_suffix
                    and touched.market_date = channel_days.market_date
            )
        )
),

partial_records as (
    select
        partial_days.nmi,
        partial_days.nmi_suffix,
        partial_days.market_date,
        partial_days.billing_day,
        partial_days.source,
        partial_days.file_name,
        partial_days.line_number,
        partial_days.interval_length_minutes,
        partial_days.quality_flag,
        records.values_text
    from partial_days
    inner join {{ ref('stg_meter_data__interval_records') }} as records
        on
            partial_days.billing_day = records.billing_day
            and partial_days.source = records.source
            and partial_days.file_name = records.file_name
            and partial_days.line_number = records.line_number
),

intervals as (
    {{ split_record('partial_records', [
        'nmi', 'nmi_suffix', 'market_date', 'billing_day', 'source', 'file_name', 'line_number',
        'interval_length_minutes', 'quality_flag',
    ]) }}
),

judged_intervals as (
    select
        intervals.nmi,
        intervals.nmi_suffix,
        intervals.market_date,
        {{ integer_divide('(intervals.ordinal - 1) * intervals.interval_length_minutes', '30') }} + 1 as half_hour,
        case
            when {{ clean_text('intervals.value_text') }} is null then 1
            when coalesce(events.quality_flag, intervals.quality_flag) = 'N' then 1
            else 0
        end as is_missing
    from intervals
    left join {{ ref('stg_meter_data__interval_events') }} as events
        on
            intervals.billing_day = events.billing_day
            and intervals.source = events.source
            and intervals.file_name = events.file_name
            and intervals.line_number = events.parent_line_number
            and intervals.ordinal between events.start_interval and events.end_interval
            and events.quality_flag = 'N'
),

missing_days as (
    select
        due_channels.nmi,
        due_channels.nmi_suffix,
        calendar.market_date
    from due_channels
    inner join {{ ref('int_period_days__list') }} as calendar
        on calendar.market_date between due_channels.first_date and due_channels.last_date
    where
        not exists (
            select 1
            from {{ ref('int_channel_days__current') }} as channel_days
            where
                channel_days.nmi = due_channels.nmi
                and channel_days.nmi_suffix = due_channels.nmi_suffix
                and channel_days.market_date = calendar.market_date
        )
        and not exists (
            select 1
            from {{ ref('int_accumulation_reads__span') }} as spans
            where spans.nmi = due_channels.nmi and calendar.market_date between spans.first_date and spans.last_date
        )
),

half_hours as (
    {% for half_hour in range(1, 49) -%}
    select {{ half_hour }} as half_hour{{ " union all" if not loop.last }}
    {% endfor %}
)

select
    nmi,
    nmi_suffix,
    market_date,
    half_hour,
    cast(sum(is_missing) as integer) as missing_count,
    cast(count(*) as integer) as interval_count,
    0 as is_missing_day
from judged_intervals
group by nmi, nmi_suffix, market_date, half_hour
having max(is_missing) = 1
union all
select
    missing_days.nmi,
    missing_days.nmi_suffix,
    missing_days.market_date,
    half_hours.half_hour,
    1 as missing_count,
    1 as interval_count,
    1 as is_missing_day
from missing_days
cross join half_hours
