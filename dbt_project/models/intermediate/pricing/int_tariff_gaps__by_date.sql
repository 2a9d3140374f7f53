-- One row per plan, jurisdiction and market day (of those this run prices) with a half hour that no rate for general
-- usage claims, or more than one: the first such half hour by the plan's clock.
with covered as (
    select
        plan_id,
        jurisdiction,
        market_date,
        count(distinct half_hour) as half_hour_count,
        count(*) as slot_count,
        max(rate_count) as rate_count
    from {{ ref('int_tariff_slots__calendar') }}
    where section = 'TARIFF_PERIOD'
    group by plan_id, jurisdiction, market_date
),

suspects as (
    select
        needed.plan_id,
        needed.jurisdiction,
        needed.market_date
    from {{ ref('int_plan_days__needed') }} as needed
    left join covered
        on
            needed.plan_id = covered.plan_id
            and needed.jurisdiction = covered.jurisdiction
            and needed.market_date = covered.market_date
    where
        coalesce(covered.half_hour_count, 0) < 48
        or covered.slot_count > 48
        or covered.rate_count > 1
),

claims as (
    select
        suspects.plan_id,
        suspects.jurisdiction,
        suspects.market_date,
        calendar.half_hour,
        calendar.local_date,
        calendar.local_start_minute,
        by_date.version_hash,
        by_date.tariff_period_number,
        cast(coalesce(sum(slots.rate_count), 0) as integer) as claim_count
    from suspects
    inner join {{ ref('int_plan_clocks__choose') }} as clocks
        on
            suspects.plan_id = clocks.plan_id
            and suspects.market_date = clocks.market_date
            and clocks.section = 'TARIFF_PERIOD'
    inner join {{ ref('stg_operations__market_calendar') }} as calendar
        on
            suspects.jurisdiction = calendar.jurisdiction
            and suspects.market_date = calendar.market_date
            and clocks.clock = calendar.clock
    inner join {{ ref('int_tariff_periods__by_date') }} as by_date
        on suspects.plan_id = by_date.plan_id and calendar.local_date = by_date.local_date
    left join {{ ref('int_tariff_slots__calendar') }} as slots
        on
            suspects.plan_id = slots.plan_id
            and suspects.jurisdiction = slots.jurisdiction
            and suspects.market_date = slots.market_date
            and calendar.half_hour = slots.half_hour
            and slots.section = 'TARIFF_PERIOD'
    group by
        suspects.plan_id, suspects.jurisdiction, suspects.market_date, calendar.half_hour, calendar.local_date,
        calendar.local_start_minute, by_date.version_hash, by_date.tariff_period_number
),

ranked as (
    select
        plan_id,
        jurisdiction,
        market_date,
        version_hash,
        tariff_period_number,
        half_hour,
        local_date,
        local_start_minute,
        claim_count,
        row_number() over (
            partition by plan_id, jurisdiction, market_date order by half_hour
        ) as gap_number
    from claims
    where claim_count <> 1
)

select
    plan_id,
    jurisdiction,
    market_date,
    version_hash,
    tariff_period_number,
    local_date,
    local_start_minute,
    claim_count
from ranked
where gap_number = 1
