-- One row per contract and channel-day of energy that this run may price: those of due bills and those delivered in the
-- run's window while a contract holds. Carries what decides its price but the prices themselves.
with due_days as (
    select
        contract_id,
        market_date,
        min(nmi) as nmi,
        min(jurisdiction) as jurisdiction,
        min(plan_id) as plan_id
    from {{ ref('int_contract_days') }}
    group by contract_id, market_date
),

touched_days as (
    select distinct
        nmi,
        market_date
    from {{ ref('int_channel_days__touched') }}
),

wanted as (
    select
        contract_id,
        nmi,
        jurisdiction,
        market_date,
        plan_id
    from due_days
    union all
    select
        contracts.contract_id,
        contracts.nmi,
        service_points.jurisdiction,
        touched_days.market_date,
        plans.plan_id
    from touched_days
    inner join {{ ref('stg_retailer__contracts') }} as contracts
        on
            touched_days.nmi = contracts.nmi
            and touched_days.market_date >= contracts.start_date
            and touched_days.market_date <= coalesce(contracts.end_date, {{ date_literal('9999-12-31') }})
    inner join {{ ref('int_contract_plans__assign') }} as plans
        on
            contracts.contract_id = plans.contract_id
            and plans.is_ambiguous = 0
            and touched_days.market_date between plans.first_date and plans.last_date
    left join {{ ref('stg_retailer__service_points') }} as service_points
        on contracts.nmi = service_points.nmi
    left join due_days
        on contracts.contract_id = due_days.contract_id and touched_days.market_date = due_days.market_date
    where due_days.contract_id is null
)

select
    wanted.contract_id,
    channel_days.nmi,
    channel_days.nmi_suffix,
    channel_days.market_date,
    wanted.jurisdiction,
    wanted.plan_id,
    coalesce(
        channels.section,
        case substring(channel_days.nmi_suffix, 1, 1) when 'E' then 'TARIFF_PERIOD' when 'B' then 'FEED_IN' end
    ) as section,
    channel_days.content_hash,
    channel_days.is_conflicting
from wanted
inner join {{ ref('int_channel_days__billable') }} as channel_days
    on wanted.nmi = channel_days.nmi and wanted.market_date = channel_days.market_date
left join {{ ref('int_channels__use') }} as channels
    on channel_days.nmi = channels.nmi and channel_days.nmi_suffix = channels.nmi_suffix
