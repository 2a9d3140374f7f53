-- One row per day of a plan version in a due bill: its market days or, for a version that only touches the bill's first or
-- last hours, the date of those hours (is_supply_day 0). Only for bills in which something may hold for a part of the
-- days: a term of the contract, or a discount that ends inside.
with bills as (
    select
        contract_id,
        period_start_date,
        period_end_date
    from {{ ref('int_bill_terms__list') }}
    where term in ('DISCOUNT_MET', 'GREEN_POWER_PERCENT')
    union
    select
        versions.contract_id,
        versions.period_start_date,
        versions.period_end_date
    from {{ ref('int_bill_versions__list') }} as versions
    inner join {{ ref('stg_plans__discounts') }} as discounts
        on versions.plan_id = discounts.plan_id and versions.version_hash = discounts.version_hash
    where discounts.end_date <= {{ add_days('versions.period_end_date', 1) }}
)

select
    days.contract_id,
    days.period_start_date,
    days.period_end_date,
    days.plan_id,
    by_date.version_hash,
    days.market_date,
    1 as is_supply_day
from bills
inner join {{ ref('int_contract_days') }} as days
    on
        bills.contract_id = days.contract_id
        and bills.period_start_date = days.period_start_date
        and bills.period_end_date = days.period_end_date
inner join {{ ref('int_tariff_periods__by_date') }} as by_date
    on days.plan_id = by_date.plan_id and days.market_date = by_date.local_date
union all
select
    versions.contract_id,
    versions.period_start_date,
    versions.period_end_date,
    versions.plan_id,
    versions.version_hash,
    versions.price_start_date as market_date,
    0 as is_supply_day
from bills
inner join {{ ref('int_bill_versions__list') }} as versions
    on
        bills.contract_id = versions.contract_id
        and bills.period_start_date = versions.period_start_date
        and bills.period_end_date = versions.period_end_date
where versions.day_count = 0
