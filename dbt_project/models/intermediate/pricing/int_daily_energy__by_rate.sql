{{ config(
    materialized='incremental',
    incremental_strategy='replace',
    replace_scope='int_daily_energy__scope',
    replace_on=['contract_id', 'nmi', 'nmi_suffix', 'market_date'],
) }}
-- One row per contract, channel-day, day of the plan's clock and rate: the energy the rate prices. Stored for good and
-- computed once, so that closing a bill only sums its days. Energy that no rate prices has a null rate_number.
-- Energy under several feed-ins is here once for each of them; a contract is paid by those that apply to it.
with reads as (
    select
        channel_days.nmi,
        channel_days.nmi_suffix,
        channel_days.market_date,
        channel_days.interval_length_minutes,
        channel_days.kwh_factor,
        channel_days.values_text
    from {{ ref('int_channel_days__current') }} as channel_days
    where
        channel_days.is_conflicting = 0
        and exists (
            select 1
            from {{ ref('int_daily_energy__scope') }} as scope
            where
                scope.nmi = channel_days.nmi
                and scope.nmi_suffix = channel_days.nmi_suffix
                and scope.market_date = channel_days.market_date
        )
),

half_hours as (
    {{ half_hours_of('reads') }}
)

select
    scope.contract_id,
    scope.nmi,
    scope.nmi_suffix,
    scope.market_date,
    coalesce(slots.local_date, scope.market_date) as local_date,
    scope.plan_id,
    slots.version_hash,
    scope.section,
    slots.parent_number,
    slots.rate_number,
    cast(sum(half_hours.energy_kwh) as {{ kwh_type() }}) as energy_kwh,
    scope.basis_hash
from {{ ref('int_daily_energy__scope') }} as scope
inner join half_hours
    on
        scope.nmi = half_hours.nmi
        and scope.nmi_suffix = half_hours.nmi_suffix
        and scope.market_date = half_hours.market_date
left join {{ ref('int_tariff_slots__calendar') }} as slots
    on
        scope.plan_id = slots.plan_id
        and scope.jurisdiction = slots.jurisdiction
        and scope.market_date = slots.market_date
        and scope.section = slots.section
        and half_hours.half_hour = slots.half_hour
group by
    scope.contract_id, scope.nmi, scope.nmi_suffix, scope.market_date, coalesce(slots.local_date, scope.market_date),
    scope.plan_id, slots.version_hash, scope.section, slots.parent_number, slots.rate_number, scope.basis_hash
