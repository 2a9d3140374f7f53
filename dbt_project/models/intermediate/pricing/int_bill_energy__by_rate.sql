-- One row per due bill, day of the plan's clock and rate: the energy of all its channels and basic meters.
with energy as (
    select
        due.contract_id,
        due.period_start_date,
        due.period_end_date,
        daily.local_date,
        daily.plan_id,
        daily.version_hash,
        daily.section,
        daily.parent_number,
        daily.rate_number,
        daily.energy_kwh
    from {{ ref('int_bill_periods__due') }} as due
    inner join {{ ref('int_daily_energy__by_rate') }} as daily
        on
            due.contract_id = daily.contract_id
            and due.nmi = daily.nmi
            and daily.market_date between due.period_start_date and due.period_end_date
    union all
    select
        contract_id,
        period_start_date,
        period_end_date,
        market_date as local_date,
        plan_id,
        version_hash,
        section,
        parent_number,
        rate_number,
        energy_kwh
    from {{ ref('int_accumulation_energy__by_rate') }}
)

select
    contract_id,
    period_start_date,
    period_end_date,
    local_date,
    plan_id,
    version_hash,
    section,
    parent_number,
    rate_number,
    cast(sum(energy_kwh) as {{ kwh_type() }}) as energy_kwh
from energy
group by
    contract_id, period_start_date, period_end_date, local_date, plan_id, version_hash, section, parent_number,
    rate_number
