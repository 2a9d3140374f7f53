{{ config(
    materialized='incremental',
    incremental_strategy='replace',
    replace_scope='int_daily_demand__scope',
    replace_on=['contract_id', 'market_date'],
) }}
{%- set carried = ['contract_id', 'market_date', 'jurisdiction', 'plan_id', 'basis_hash'] %}
-- One row per contract, market day, day of the plan's clock and demand charge: the greatest half-hour demand in the charge's
-- window. 5 and 15 minute values are half hours already, and the channels of general usage add up before the greatest
-- is taken: kW = kWh x 60 / 30. One row a day without a charge says what the day was computed from.
with channels as (
    select
        scope.contract_id,
        scope.market_date,
        scope.basis_hash,
        assigned.nmi,
        assigned.nmi_suffix,
        assigned.jurisdiction,
        assigned.plan_id
    from {{ ref('int_daily_demand__scope') }} as scope
    inner join {{ ref('int_channel_days__assign') }} as assigned
        on
            scope.contract_id = assigned.contract_id
            and scope.market_date = assigned.market_date
            and assigned.section = 'TARIFF_PERIOD'
),

billable as (
    {{ billable_channel_days('channels') }}
),

site_days as (
    select
        channels.contract_id,
        channels.market_date,
        channels.basis_hash,
        channels.jurisdiction,
        channels.plan_id,
        {%- for column in half_hour_columns() %}
        cast(sum(channel_days.{{ column }}) as {{ kwh_type() }}) as {{ column }},
        {%- endfor %}
        0 as is_conflicting
    from channels
    inner join billable as channel_days
        on
            channels.nmi = channel_days.nmi
            and channels.nmi_suffix = channel_days.nmi_suffix
            and channels.market_date = channel_days.market_date
    where channel_days.is_conflicting = 0
    group by channels.contract_id, channels.market_date, channels.basis_hash, channels.jurisdiction, channels.plan_id
),

half_hours as (
    {{ half_hours_of('site_days', carried) }}
)

select
    half_hours.contract_id,
    half_hours.market_date,
    slots.local_date,
    half_hours.plan_id,
    slots.version_hash,
    slots.tariff_period_number,
    slots.demand_number,
    cast(max(half_hours.energy_kwh) * 2 as {{ kwh_type() }}) as demand_kw,
    half_hours.basis_hash
from half_hours
inner join {{ ref('int_demand_slots__calendar') }} as slots
    on
        half_hours.plan_id = slots.plan_id
        and half_hours.jurisdiction = slots.jurisdiction
        and half_hours.market_date = slots.market_date
        and half_hours.half_hour = slots.half_hour
group by
    half_hours.contract_id, half_hours.market_date, slots.local_date, half_hours.plan_id, slots.version_hash,
    slots.tariff_period_number, slots.demand_number, half_hours.basis_hash
union all
select
    contract_id,
    market_date,
    market_date as local_date,
    plan_id,
    cast(null as {{ text_type(64) }}) as version_hash,
    cast(null as integer) as tariff_period_number,
    cast(null as integer) as demand_number,
    cast(0 as {{ kwh_type() }}) as demand_kw,
    basis_hash
from site_days
