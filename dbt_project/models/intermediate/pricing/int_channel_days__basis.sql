-- One row per contract and channel-day that this run may price, with basis_hash: all that its energy by rate is computed
-- from, the reads, its use, its plan and the plan's versions around the day. Stored rows of another basis are old.
with plan_days as (
    select
        days.plan_id,
        days.market_date,
        {{ join_text('by_date.version_hash', ',', 'by_date.local_date') }} as versions_text
    from (
        select distinct
            plan_id,
            market_date
        from {{ ref('int_plan_days__needed') }}
    ) as days
    inner join {{ ref('int_tariff_periods__by_date') }} as by_date
        on
            days.plan_id = by_date.plan_id
            and by_date.local_date between {{ add_days('days.market_date', -1) }} and {{ add_days('days.market_date', 1) }}
    group by days.plan_id, days.market_date
)

select
    channel_days.contract_id,
    channel_days.nmi,
    channel_days.nmi_suffix,
    channel_days.market_date,
    channel_days.jurisdiction,
    channel_days.plan_id,
    channel_days.section,
    channel_days.is_conflicting,
    {{ text_hash(concat_text([
        "channel_days.content_hash", "'|'", text_of("channel_days.is_conflicting", 1), "'|'",
        "channel_days.section", "'|'", "channel_days.jurisdiction", "'|'", "channel_days.plan_id", "'|'",
        "plan_days.versions_text",
    ])) }} as basis_hash
from {{ ref('int_channel_days__assign') }} as channel_days
left join plan_days
    on channel_days.plan_id = plan_days.plan_id and channel_days.market_date = plan_days.market_date
where channel_days.section is not null
