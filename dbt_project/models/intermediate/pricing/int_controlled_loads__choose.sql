-- One row per due bill with a controlled-load channel and plan version in it: the one controlled load that prices it.
-- tariff_count other than 1 means that there is none, or that nothing says which one the contract has.
with bills as (
    select distinct
        contract_id,
        period_start_date,
        period_end_date
    from {{ ref('int_bill_channels__list') }}
    where section = 'CONTROLLED_LOAD'
),

versions as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        plan_id,
        version_hash,
        coalesce(min(case when day_count > 0 then price_start_date end), min(price_start_date)) as price_start_date,
        cast(sum(day_count) as integer) as day_count
    from {{ ref('int_bill_prices__segment') }}
    group by contract_id, period_start_date, period_end_date, plan_id, version_hash
)

select
    versions.contract_id,
    versions.period_start_date,
    versions.period_end_date,
    versions.plan_id,
    versions.version_hash,
    versions.price_start_date,
    versions.day_count,
    min(tariffs.parent_number) as controlled_load_number,
    count(tariffs.parent_number) as tariff_count
from bills
inner join versions
    on
        bills.contract_id = versions.contract_id
        and bills.period_start_date = versions.period_start_date
        and bills.period_end_date = versions.period_end_date
left join {{ ref('int_tariffs__list') }} as tariffs
    on
        versions.plan_id = tariffs.plan_id
        and versions.version_hash = tariffs.version_hash
        and tariffs.section = 'CONTROLLED_LOAD'
        -- A price that only touches the first or last hours of the bill begins or ends beyond its days.
        and (versions.day_count = 0 or tariffs.first_date <= versions.period_end_date)
        and (versions.day_count = 0 or tariffs.last_date >= versions.period_start_date)
group by
    versions.contract_id, versions.period_start_date, versions.period_end_date, versions.plan_id,
    versions.version_hash, versions.price_start_date, versions.day_count
