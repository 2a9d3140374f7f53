-- One row per plan and day of its clock around the days that this run prices: the version in force, and the tariff
-- period that prices energy on it. tariff_period_count other than 1 is a hole or an overlap between seasons. A tariff
-- period that holds demand charges alone runs beside the others and is not counted.
with dates as (
    select
        plan_id,
        market_date as local_date
    from {{ ref('int_plan_days__needed') }}
    union
    select
        plan_id,
        {{ add_days('market_date', -1) }} as local_date
    from {{ ref('int_plan_days__needed') }}
    union
    select
        plan_id,
        {{ add_days('market_date', 1) }} as local_date
    from {{ ref('int_plan_days__needed') }}
),

energy_periods as (
    select distinct
        plan_id,
        version_hash,
        parent_number
    from {{ ref('stg_plans__rates') }}
    where section = 'TARIFF_PERIOD'
),

periods as (
    select
        periods.plan_id,
        periods.version_hash,
        periods.tariff_period_number,
        periods.first_month_day,
        periods.last_month_day
    from {{ ref('stg_plans__tariff_periods') }} as periods
    inner join energy_periods
        on
            periods.plan_id = energy_periods.plan_id
            and periods.version_hash = energy_periods.version_hash
            and periods.tariff_period_number = energy_periods.parent_number
)

select
    dates.plan_id,
    dates.local_date,
    versions.version_hash,
    versions.first_date as version_first_date,
    min(periods.tariff_period_number) as tariff_period_number,
    count(periods.tariff_period_number) as tariff_period_count
from dates
inner join {{ ref('int_plan_versions__in_force') }} as versions
    on dates.plan_id = versions.plan_id and dates.local_date between versions.first_date and versions.last_date
left join periods
    on
        versions.plan_id = periods.plan_id
        and versions.version_hash = periods.version_hash
        and {{ season_holds('dates.local_date', 'periods.first_month_day', 'periods.last_month_day') }}
group by dates.plan_id, dates.local_date, versions.version_hash, versions.first_date
