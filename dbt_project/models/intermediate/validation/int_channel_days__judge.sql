-- One row per channel-day that this run judges, without its half hours. billing_day is the day a problem of it is filed
-- under: that of the bill it holds up, else of its delivery.
select
    channel_days.nmi,
    channel_days.nmi_suffix,
    channel_days.market_date,
    channel_days.source,
    channel_days.file_name,
    channel_days.line_number,
    channel_days.nmi_configuration,
    channel_days.serial_number,
    channel_days.interval_length_minutes,
    channel_days.quality_method,
    channel_days.quality_flag,
    channel_days.is_conflicting,
    channel_days.has_wrong_checksum,
    channel_days.has_negative_value,
    channel_days.has_faulty_event,
    channel_days.event_count,
    channel_days.covered_interval_count,
    channel_days.value_count,
    channel_days.substituted_interval_count,
    channel_days.estimated_interval_count - channel_days.unknown_quality_interval_count as estimated_interval_count,
    channel_days.missing_interval_count,
    channel_days.usage_kwh,
    {{ filed_under('coalesce(judged.due_billing_day, channel_days.billing_day)') }} as billing_day
from {{ ref('int_channel_days__current') }} as channel_days
inner join {{ ref('int_nmis__judge') }} as judged
    on
        channel_days.nmi = judged.nmi
        and channel_days.market_date between judged.first_date and judged.last_date
-- Said once more for the whole table, which keeps years: it lets the scan skip them.
where channel_days.market_date >= (select min(first_date) from {{ ref('int_nmis__judge') }})
