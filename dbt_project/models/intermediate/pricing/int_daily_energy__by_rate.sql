{{ config(
    materialized='incremental',
    incremental_strategy='replace',
    replace_scope='int_daily_energy__scope',
    replace_on=['contract_id', 'nmi', 'nmi_suffix', 'market_date'],
) }}
{%- set carried = [
    'contract_id', 'nmi', 'nmi_suffix', 'market_date', 'jurisdiction', 'plan_id', 'section', 'basis_hash',
] %}
-- One row per contract, channel-day, day of the plan's clock and rate: the energy the rate prices. Stored for good and
-- computed once, so that closing a bill only sums its days. Energy that no rate prices has a null rate_number.
-- Energy under several feed-ins is here once for each of them; a contract is paid by those that apply to it.
with billable as (
    {{ billable_channel_days(ref('int_daily_energy__scope')) }}
),

channel_days as (
    select
        {%- for column in carried %}
        scope.{{ column }},
        {%- endfor %}
        {%- for column in half_hour_columns() %}
        channel_days.{{ column }},
        {%- endfor %}
        channel_days.is_conflicting
    from {{ ref('int_daily_energy__scope') }} as scope
    inner join billable as channel_days
        on
            scope.nmi = channel_days.nmi
            and scope.nmi_suffix = channel_days.nmi_suffix
            and scope.market_date = channel_days.market_date
),

half_hours as (
    {{ half_hours_of('channel_days', carried) }}
)

select
    half_hours.contract_id,
    half_hours.nmi,
    half_hours.nmi_suffix,
    half_hours.market_date,
    coalesce(slots.local_date, half_hours.market_date) as local_date,
    half_hours.plan_id,
    slots.version_hash,
    half_hours.section,
    slots.parent_number,
    slots.rate_number,
    cast(coalesce(sum(half_hours.energy_kwh), 0) as {{ kwh_type() }}) as energy_kwh,
    half_hours.basis_hash
from half_hours
left join {{ ref('int_tariff_slots__calendar') }} as slots
    on
        half_hours.plan_id = slots.plan_id
        and half_hours.jurisdiction = slots.jurisdiction
        and half_hours.market_date = slots.market_date
        and half_hours.section = slots.section
        and half_hours.half_hour = slots.half_hour
group by
    half_hours.contract_id, half_hours.nmi, half_hours.nmi_suffix, half_hours.market_date,
    coalesce(slots.local_date, half_hours.market_date), half_hours.plan_id, slots.version_hash, half_hours.section,
    slots.parent_number, slots.rate_number, half_hours.basis_hash
