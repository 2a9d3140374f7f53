-- One row per due bill, day of the plan's clock and rate: the energy of all its channels and basic meters.
-- Export under a feed-in that does not pay on the day, because a competing one does, is left out.
with energy as (
    select
        due.contract_id,
        due.period_start_date,
        due.period_end_date,
        daily.market_date,
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
        market_date,
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
    energy.contract_id,
    energy.period_start_date,
    energy.period_end_date,
    energy.local_date,
    energy.plan_id,
    energy.version_hash,
    energy.section,
    energy.parent_number,
    energy.rate_number,
    cast(sum(energy.energy_kwh) as {{ kwh_type() }}) as energy_kwh
from energy
left join {{ ref('int_feed_in_days__choose') }} as competing
    on
        energy.contract_id = competing.contract_id
        and energy.period_start_date = competing.period_start_date
        and energy.period_end_date = competing.period_end_date
        and energy.market_date = competing.market_date
        and energy.local_date = competing.local_date
        and energy.plan_id = competing.plan_id
        and energy.version_hash = competing.version_hash
        -- One equality: a condition on the section beside it would make the engine compare every row with every row.
        and case when energy.section = 'FEED_IN' then energy.parent_number end = competing.feed_in_number
where coalesce(competing.is_chosen, 1) = 1
group by
    energy.contract_id, energy.period_start_date, energy.period_end_date, energy.local_date, energy.plan_id,
    energy.version_hash, energy.section, energy.parent_number, energy.rate_number
