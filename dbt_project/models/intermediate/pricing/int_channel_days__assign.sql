-- One row per contract and channel-day of energy that this run may price: those of due bills and those delivered in the
-- run's window while a contract holds. Carries what decides its price but the prices themselves.
with wanted as (
    select
        contract_id,
        nmi,
        jurisdiction,
        market_date,
        plan_id
    from {{ ref('int_contract_days') }}
    union
    select
        contracts.contract_id,
        contracts.nmi,
        service_points.jurisdiction,
        touched.market_date,
        plans.plan_id
    from {{ ref('int_channel_days__touched') }} as touched
    inner join {{ ref('stg_retailer__contracts') }} as contracts
        on
            touched.nmi = contracts.nmi
            and touched.market_date >= contracts.start_date
            and touched.market_date <= coalesce(contracts.end_date, {{ date_literal('9999-12-31') }})
    inner join {{ ref('int_contract_plans__assign') }} as plans
        on
            contracts.contract_id = plans.contract_id
            and touched.market_date between plans.first_date and plans.last_date
    left join {{ ref('stg_retailer__service_points') }} as service_points
        on contracts.nmi = service_points.nmi
)

select
    wanted.contract_id,
    channel_days.nmi,
    channel_days.nmi_suffix,
    channel_days.market_date,
    wanted.jurisdiction,
    min(wanted.plan_id) as plan_id,
    coalesce(
        channels.section,
        case substring(channel_days.nmi_suffix, 1, 1) when 'E' then 'TARIFF_PERIOD' when 'B' then 'FEED_IN' end
    ) as section,
    channel_days.content_hash,
    channel_days.is_conflicting
from wanted
inner join {{ ref('int_channel_days__current') }} as channel_days
    on wanted.nmi = channel_days.nmi and wanted.market_date = channel_days.market_date
left join {{ ref('int_channels__use') }} as channels
    on channel_days.nmi = channels.nmi and channel_days.nmi_suffix = channels.nmi_suffix
group by
    wanted.contract_id, channel_days.nmi, channel_days.nmi_suffix, channel_days.market_date, wanted.jurisdiction,
    channels.section, channel_days.content_hash, channel_days.is_conflicting
