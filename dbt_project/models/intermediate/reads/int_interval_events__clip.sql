-- One row per 400 record of a current version among the touched channel-days, clipped so that no interval belongs to two:
-- first_interval to last_interval are its own, none when last_interval is smaller. is_faulty: it overlaps the one before,
-- leaves the day, or carries no quality of its own.
with events as (
    select
        events.billing_day,
        events.source,
        events.file_name,
        events.line_number,
        events.parent_line_number,
        events.start_interval,
        events.end_interval,
        events.quality_method,
        events.quality_flag,
        {{ integer_divide('1440', 'versions.interval_length_minutes') }} as value_count
    from {{ ref('stg_meter_data__interval_events') }} as events
    inner join {{ ref('int_channel_day_versions__rank') }} as versions
        on
            events.billing_day = versions.billing_day
            and events.source = versions.source
            and events.file_name = versions.file_name
            and events.parent_line_number = versions.line_number
    inner join {{ ref('int_channel_days__touched') }} as touched
        on
            versions.nmi = touched.nmi
            and versions.nmi_suffix = touched.nmi_suffix
            and versions.market_date = touched.market_date
    where versions.version_rank = 1
),

followed as (
    select
        billing_day,
        source,
        file_name,
        line_number,
        parent_line_number,
        start_interval,
        end_interval,
        quality_method,
        quality_flag,
        value_count,
        coalesce(max(end_interval) over (
            partition by billing_day, source, file_name, parent_line_number
            order by start_interval, line_number
            rows between unbounded preceding and 1 preceding
        ), 0) as covered_before
    from events
)

select
    billing_day,
    source,
    file_name,
    line_number,
    parent_line_number,
    start_interval,
    end_interval,
    quality_method,
    quality_flag,
    case
        when start_interval > covered_before and start_interval >= 1 then start_interval
        else covered_before + 1
    end as first_interval,
    case when end_interval > value_count then value_count else end_interval end as last_interval,
    case
        when start_interval is null or end_interval is null then 1
        when start_interval < 1 or end_interval > value_count or end_interval < start_interval then 1
        when start_interval <= covered_before then 1
        when quality_flag is null or quality_flag not in ('A', 'S', 'F', 'E', 'N') then 1
        else 0
    end as is_faulty
from followed
