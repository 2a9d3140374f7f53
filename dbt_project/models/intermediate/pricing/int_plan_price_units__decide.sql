-- One row per plan version: whether its rates and supply charges are served in dollars or in cents. The whole family is
-- decided together: a supply charge above 20 is cents, one up to 20 dollars, and the dearest usage price must agree
-- (nobody asks more than 2 dollars or less than 2 cents for the dearest kWh). Without a supply charge the usage price
-- decides alone. What does not fit is DOUBT and priced by nobody.
with supply_prices as (
    select
        plan_id,
        version_hash,
        supply_as_served as price
    from {{ ref('stg_plans__tariff_periods') }}
    union all
    select
        plan_id,
        version_hash,
        unit_price_as_served as price
    from {{ ref('stg_plans__supply_bands') }}
),

supply as (
    select
        plan_id,
        version_hash,
        min(case when price > 0 then price end) as least_supply,
        max(case when price > 0 then price end) as greatest_supply
    from supply_prices
    group by plan_id, version_hash
),

energy as (
    select
        plan_id,
        version_hash,
        max(case when section <> 'FEED_IN' and unit_price_as_served > 0 then unit_price_as_served end) as greatest_usage,
        max(case when section = 'FEED_IN' and unit_price_as_served > 0 then unit_price_as_served end) as greatest_feed_in
    from {{ ref('stg_plans__rates') }}
    group by plan_id, version_hash
),

evidence as (
    select
        versions.plan_id,
        versions.version_hash,
        supply.least_supply,
        supply.greatest_supply,
        energy.greatest_usage,
        energy.greatest_feed_in
    from {{ ref('stg_plans__versions') }} as versions
    left join supply on versions.plan_id = supply.plan_id and versions.version_hash = supply.version_hash
    left join energy on versions.plan_id = energy.plan_id and versions.version_hash = energy.version_hash
),

decided as (
    select
        plan_id,
        version_hash,
        greatest_usage,
        greatest_feed_in,
        case
            when least_supply > 20 and coalesce(greatest_usage, 100) > 2 then 'CENTS'
            when greatest_supply <= 20 and coalesce(greatest_usage, 0) <= 2 then 'DOLLARS'
            when greatest_supply is null and greatest_usage > 5 then 'CENTS'
            when greatest_supply is null and greatest_usage <= 2 then 'DOLLARS'
            when greatest_supply is null and greatest_usage is null and coalesce(greatest_feed_in, 0) <= 1 then 'DOLLARS'
            else 'DOUBT'
        end as price_unit
    from evidence
)

select
    plan_id,
    version_hash,
    case
        -- Neither 2 dollars a kWh of use nor 2 dollars of credit is a price anybody has seen.
        when price_unit = 'DOLLARS' and coalesce(greatest_feed_in, 0) > 2 then 'DOUBT'
        when price_unit = 'CENTS' and (coalesce(greatest_usage, 0) > 200 or coalesce(greatest_feed_in, 0) > 200) then 'DOUBT'
        else price_unit
    end as price_unit
from decided
