{{ config(tags=['reporting']) }}
-- One row per touched billing day and stage of the meter data: files, records in them, channel-days from those.
with delivered as (
    select distinct
        versions.billing_day,
        versions.nmi,
        versions.nmi_suffix,
        versions.market_date
    from {{ ref('int_channel_day_versions__rank') }} as versions
    inner join {{ ref('int_billing_days__touched') }} as days
        on versions.billing_day = days.billing_day
),

channel_days as (
    select
        delivered.billing_day,
        count(*) as received,
        sum(case when coalesce(current_reads.is_conflicting, 1) = 0 then 1 else 0 end) as accepted,
        sum(case when current_reads.is_conflicting is null then 1 else 0 end) as rejected,
        sum(case when current_reads.is_conflicting = 1 then 1 else 0 end) as parked
    from delivered
    left join {{ ref('int_channel_days__current') }} as current_reads
        on
            delivered.nmi = current_reads.nmi
            and delivered.nmi_suffix = current_reads.nmi_suffix
            and delivered.market_date = current_reads.market_date
    group by delivered.billing_day
),

files as (
    select
        files.billing_day,
        count(*) as received,
        sum(case when files.status = 'QUARANTINED' then 1 else 0 end) as quarantined,
        cast(sum(files.record_count) as integer) as records_received,
        cast(sum(files.accepted_record_count) as integer) as records_accepted,
        cast(sum(files.rejected_record_count) as integer) as records_rejected
    from {{ ref('stg_meter_data__files') }} as files
    inner join {{ ref('int_billing_days__touched') }} as days
        on files.billing_day = days.billing_day
    group by files.billing_day
),

-- Records that the reader kept and SQL refused as interval data (a value that is no number, a wrong count).
refused as (
    select
        records.billing_day,
        count(*) as records_refused
    from {{ ref('int_interval_records__reject') }} as records
    inner join {{ ref('int_billing_days__touched') }} as days
        on records.billing_day = days.billing_day
    group by records.billing_day
)

select
    days.billing_day,
    1 as stage_number,
    'meter_files' as stage,
    'files' as unit,
    cast(coalesce(files.received, 0) as integer) as received,
    cast(coalesce(files.received - files.quarantined, 0) as integer) as accepted,
    cast(coalesce(files.quarantined, 0) as integer) as rejected,
    0 as parked
from {{ ref('int_billing_days__touched') }} as days
left join files
    on days.billing_day = files.billing_day
union all
select
    days.billing_day,
    2 as stage_number,
    'meter_records' as stage,
    'records' as unit,
    cast(coalesce(files.records_received, 0) as integer) as received,
    cast(coalesce(files.records_accepted, 0) - coalesce(refused.records_refused, 0) as integer) as accepted,
    cast(coalesce(files.records_rejected, 0) + coalesce(refused.records_refused, 0) as integer) as rejected,
    0 as parked
from {{ ref('int_billing_days__touched') }} as days
left join files
    on days.billing_day = files.billing_day
left join refused
    on days.billing_day = refused.billing_day
union all
select
    days.billing_day,
    3 as stage_number,
    'channel_days' as stage,
    'channel-days' as unit,
    cast(coalesce(channel_days.received, 0) as integer) as received,
    cast(coalesce(channel_days.accepted, 0) as integer) as accepted,
    cast(coalesce(channel_days.rejected, 0) as integer) as rejected,
    cast(coalesce(channel_days.parked, 0) as integer) as parked
from {{ ref('int_billing_days__touched') }} as days
left join channel_days
    on days.billing_day = channel_days.billing_day
