-- One row per due bill and price that holds in it: a plan version and, for tariff periods, a season. price_start_date is
-- the bill's first day at that price; day_count its market days. Local midnight is not market midnight: a price that only
-- touches the first or last hours of a plan in the bill has energy but no supply day. Should it begin on the same date as
-- another price of the bill, price_mark tells its lines apart.
with supply_days as (
    select
        days.contract_id,
        days.period_start_date,
        days.period_end_date,
        days.plan_id,
        by_date.version_hash,
        by_date.tariff_period_number,
        days.market_date
    from {{ ref('int_contract_days') }} as days
    inner join {{ ref('int_tariff_periods__by_date') }} as by_date
        on days.plan_id = by_date.plan_id and days.market_date = by_date.local_date
),

seasons as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        plan_id,
        version_hash,
        tariff_period_number,
        min(market_date) as price_start_date,
        count(*) as day_count
    from supply_days
    group by contract_id, period_start_date, period_end_date, plan_id, version_hash, tariff_period_number
),

plan_switches as (
    select
        contract_id,
        period_start_date,
        period_end_date
    from seasons
    group by contract_id, period_start_date, period_end_date
    having count(distinct plan_id) > 1
),

edges as (
    select
        energy.contract_id,
        energy.period_start_date,
        energy.period_end_date,
        energy.plan_id,
        energy.version_hash,
        by_date.tariff_period_number,
        min(energy.local_date) as price_start_date
    from {{ ref('int_bill_energy__by_rate') }} as energy
    inner join {{ ref('int_tariff_periods__by_date') }} as by_date
        on energy.plan_id = by_date.plan_id and energy.local_date = by_date.local_date
    left join plan_switches
        on
            energy.contract_id = plan_switches.contract_id
            and energy.period_start_date = plan_switches.period_start_date
            and energy.period_end_date = plan_switches.period_end_date
    where
        -- Energy that nothing prices (export on a plan without a feed-in) has no version and makes no price.
        energy.version_hash is not null
        and (
            energy.local_date < energy.period_start_date
            or energy.local_date > energy.period_end_date
            or plan_switches.contract_id is not null
        )
    group by
        energy.contract_id, energy.period_start_date, energy.period_end_date, energy.plan_id, energy.version_hash,
        by_date.tariff_period_number
)

select
    contract_id,
    period_start_date,
    period_end_date,
    plan_id,
    version_hash,
    tariff_period_number,
    price_start_date,
    day_count,
    '' as price_mark
from seasons
union all
select
    edges.contract_id,
    edges.period_start_date,
    edges.period_end_date,
    edges.plan_id,
    edges.version_hash,
    edges.tariff_period_number,
    edges.price_start_date,
    0 as day_count,
    case
        when exists (
            select 1
            from seasons
            where
                seasons.contract_id = edges.contract_id
                and seasons.period_start_date = edges.period_start_date
                and seasons.period_end_date = edges.period_end_date
                and seasons.price_start_date = edges.price_start_date
        ) then ':EDGE'
        else ''
    end as price_mark
from edges
where not exists (
    select 1
    from seasons
    where
        seasons.contract_id = edges.contract_id
        and seasons.period_start_date = edges.period_start_date
        and seasons.period_end_date = edges.period_end_date
        and seasons.plan_id = edges.plan_id
        and seasons.version_hash = edges.version_hash
        and coalesce(seasons.tariff_period_number, 0) = coalesce(edges.tariff_period_number, 0)
)
