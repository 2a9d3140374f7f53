-- One row per due bill, day of the plan's clock and rate: the energy of all its channels.
select
    due.contract_id,
    due.period_start_date,
    due.period_end_date,
    energy.local_date,
    energy.plan_id,
    energy.version_hash,
    energy.section,
    energy.parent_number,
    energy.rate_number,
    cast(sum(energy.energy_kwh) as {{ kwh_type() }}) as energy_kwh
from {{ ref('int_bill_periods__due') }} as due
inner join {{ ref('int_daily_energy__by_rate') }} as energy
    on
        due.contract_id = energy.contract_id
        and due.nmi = energy.nmi
        and energy.market_date between due.period_start_date and due.period_end_date
group by
    due.contract_id, due.period_start_date, due.period_end_date, energy.local_date, energy.plan_id,
    energy.version_hash, energy.section, energy.parent_number, energy.rate_number
