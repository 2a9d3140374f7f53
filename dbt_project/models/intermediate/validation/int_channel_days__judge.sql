-- One row per channel-day that this run judges, without its half hours, with what is known of its site: every rule on
-- channel-days stands on this. billing_day is the day a problem of it is filed under: that of the bill it holds up, else of
-- its delivery; delivered_on is the delivery's. site_state: HELD (a contract holds the day), VACANT (marked so, or known
-- without a contract), CLOSED (its last contract has ended) or UNKNOWN to the retailer database.
with holders as (
    select
        nmi,
        min(start_date) as first_start_date,
        max(coalesce(end_date, {{ date_literal('9999-12-31') }})) as last_end_date
    from {{ ref('stg_retailer__contracts') }}
    group by nmi
),

followed as (
    select
        nmi,
        start_date,
        max(coalesce(end_date, {{ date_literal('9999-12-31') }})) over (
            partition by nmi order by start_date
            rows between unbounded preceding and 1 preceding
        ) as held_until_date
    from {{ ref('stg_retailer__contracts') }}
    where start_date is not null
),

-- Days between two contracts of an NMI on which none holds it.
gaps as (
    select
        nmi,
        held_until_date,
        start_date
    from followed
    where {{ days_between('held_until_date', 'start_date') }} > 1
)

select
    channel_days.nmi,
    channel_days.nmi_suffix,
    channel_days.market_date,
    channel_days.source,
    channel_days.file_name,
    channel_days.line_number,
    channel_days.billing_day as delivered_on,
    channel_days.nmi_configuration,
    channel_days.serial_number,
    channel_days.interval_length_minutes,
    channel_days.quality_method,
    channel_days.quality_flag,
    channel_days.reason_code,
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
    channel_days.max_demand_kw,
    coalesce(points.meter_type, 'UNKNOWN') as meter_class,
    coalesce(points.jurisdiction, 'UNKNOWN') as jurisdiction,
    points.connection_capability_kw,
    coalesce(uses.section, 'UNKNOWN') as section,
    holders.last_end_date as last_contract_date,
    case
        when points.nmi is null then 'UNKNOWN'
        when channel_days.market_date > holders.last_end_date then 'CLOSED'
        when points.is_vacant = 1 or holders.nmi is null or channel_days.market_date < holders.first_start_date
            then 'VACANT'
        when gaps.nmi is not null then 'VACANT'
        else 'HELD'
    end as site_state,
    {{ filed_under('coalesce(judged.due_billing_day, channel_days.billing_day)') }} as billing_day
from {{ ref('int_channel_days__current') }} as channel_days
inner join {{ ref('int_nmis__judge') }} as judged
    on
        channel_days.nmi = judged.nmi
        and channel_days.market_date between judged.first_date and judged.last_date
left join {{ ref('stg_retailer__service_points') }} as points
    on channel_days.nmi = points.nmi
left join holders
    on channel_days.nmi = holders.nmi
left join gaps
    on
        channel_days.nmi = gaps.nmi
        and channel_days.market_date > gaps.held_until_date
        and channel_days.market_date < gaps.start_date
left join {{ ref('int_channels__use') }} as uses
    on channel_days.nmi = uses.nmi and channel_days.nmi_suffix = uses.nmi_suffix
-- Said once more for the whole table, which keeps years: it lets the scan skip them.
where channel_days.market_date >= (select min(first_date) from {{ ref('int_nmis__judge') }})
