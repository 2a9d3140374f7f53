-- One row per touched channel-day: its current version, where its record lies, the quality of its intervals by its 400
-- records, and which way its values are split (macros/dialect/records.sql).
with sizes as (
    select
        billing_day,
        source,
        file_name,
        parent_line_number,
        quality_flag,
        is_faulty,
        case when last_interval >= first_interval then last_interval - first_interval + 1 else 0 end as interval_count
    from {{ ref('int_interval_events__clip') }}
),

events as (
    select
        billing_day,
        source,
        file_name,
        parent_line_number,
        cast(count(*) as integer) as event_count,
        max(is_faulty) as has_faulty_event,
        cast(sum(interval_count) as integer) as covered_count,
        cast(sum(case when quality_flag = 'A' then interval_count else 0 end) as integer) as actual_count,
        cast(sum(case when quality_flag in ('S', 'F') then interval_count else 0 end) as integer) as substituted_count,
        cast(sum(case when quality_flag = 'N' then interval_count else 0 end) as integer) as missing_count,
        cast(
            sum(case when coalesce(quality_flag, '-') in ('A', 'S', 'F', 'E', 'N') then 0 else interval_count end) as integer
        ) as unknown_count
    from sizes
    group by billing_day, source, file_name, parent_line_number
),

current_versions as (
    select
        versions.nmi,
        versions.nmi_suffix,
        versions.market_date,
        versions.billing_day,
        versions.source,
        versions.file_name,
        versions.line_number,
        versions.interval_length_minutes,
        versions.value_form,
        versions.has_negative_value,
        versions.is_conflicting
    from {{ ref('int_channel_day_versions__rank') }} as versions
    inner join {{ ref('int_channel_days__touched') }} as touched
        on
            versions.nmi = touched.nmi
            and versions.nmi_suffix = touched.nmi_suffix
            and versions.market_date = touched.market_date
    where versions.version_rank = 1
)

select
    current_versions.nmi,
    current_versions.nmi_suffix,
    current_versions.market_date,
    current_versions.billing_day,
    current_versions.source,
    current_versions.file_name,
    current_versions.line_number,
    current_versions.has_negative_value,
    current_versions.is_conflicting,
    coalesce(events.event_count, 0) as event_count,
    coalesce(events.has_faulty_event, 0) as has_faulty_event,
    coalesce(events.covered_count, 0) as covered_interval_count,
    coalesce(events.actual_count, 0) as event_actual_count,
    coalesce(events.substituted_count, 0) as event_substituted_count,
    coalesce(events.unknown_count, 0) as event_unknown_count,
    case
        when coalesce(events.missing_count, 0) > 0 then 'ODD'
        when current_versions.interval_length_minutes not in ({{ plain_lengths() | join(', ') }}) then 'ODD'
        else current_versions.value_form
    end as value_form
from current_versions
left join events
    on
        current_versions.billing_day = events.billing_day
        and current_versions.source = events.source
        and current_versions.file_name = events.file_name
        and current_versions.line_number = events.parent_line_number
