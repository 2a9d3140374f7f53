-- One row per plan version: whether its rates and supply charges are served in dollars or in cents. The whole family is
-- decided together: a supply charge above what anybody asks in dollars is cents, one up to that is dollars, and the
-- dearest usage price must agree. Without a supply charge the usage price decides alone. What does not fit is DOUBT and
-- priced by nobody. The limits are parameters of PLAN_NOT_PRICEABLE (seed validation_parameters).
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

limits as (
    select
        {{ price_limit('MOST_SUPPLY_AUD') }} as most_supply,
        {{ price_limit('MOST_USAGE_AUD') }} as most_usage,
        {{ price_limit('LEAST_USAGE_CENTS') }} as least_cents,
        {{ price_limit('MOST_FEED_IN_AUD') }} as most_feed_in
),

decided as (
    select
        evidence.plan_id,
        evidence.version_hash,
        evidence.greatest_usage,
        evidence.greatest_feed_in,
        limits.most_usage,
        limits.most_feed_in,
        case
            when evidence.least_supply > limits.most_supply and coalesce(evidence.greatest_usage, 100) > limits.most_usage
                then 'CENTS'
            when evidence.greatest_supply <= limits.most_supply and coalesce(evidence.greatest_usage, 0) <= limits.most_usage
                then 'DOLLARS'
            when evidence.greatest_supply is null and evidence.greatest_usage > limits.least_cents then 'CENTS'
            when evidence.greatest_supply is null and evidence.greatest_usage <= limits.most_usage then 'DOLLARS'
            when evidence.greatest_supply is null and evidence.greatest_usage is null and coalesce(evidence.greatest_feed_in, 0) <= 1
                then 'DOLLARS'
            else 'DOUBT'
        end as price_unit
    from evidence
    cross join limits
)

select
    plan_id,
    version_hash,
    case
        when price_unit = 'DOLLARS' and coalesce(greatest_feed_in, 0) > most_feed_in then 'DOUBT'
        when
            price_unit = 'CENTS'
            and (coalesce(greatest_usage, 0) > 100 * most_usage or coalesce(greatest_feed_in, 0) > 100 * most_feed_in)
            then 'DOUBT'
        else price_unit
    end as price_unit
from decided
