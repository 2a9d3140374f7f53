{{ config(table_refresh_method='dml') }}
-- Demand: one row per due bill, price, demand charge and measurement period. The greatest half hour of the period, at least
-- the charge's minimum and at most its maximum, times the days charged (per day), the months (per month; a month cut by
-- the bill's ends counts whole unless the plan says it is pro-rated) or once (per tariff period).
with plan_days as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        plan_id,
        min(market_date) as first_date,
        max(market_date) as last_date
    from {{ ref('int_contract_days') }}
    where plan_id is not null
    group by contract_id, period_start_date, period_end_date, plan_id
),

-- The days that a demand charge of a version in force holds for, whether they have windows or not.
charged_days as (
    select
        days.contract_id,
        days.period_start_date,
        days.period_end_date,
        days.plan_id,
        by_date.version_hash,
        charges.tariff_period_number,
        charges.demand_number,
        days.market_date,
        case charges.measurement_period
            when 'DAY' then days.market_date
            when 'MONTH' then {{ month_start('days.market_date') }}
            else {{ date_literal('1900-01-01') }}
        end as measurement_start,
        {{ month_start('days.market_date') }} as month_start
    from {{ ref('int_contract_days') }} as days
    inner join {{ ref('int_tariff_periods__by_date') }} as by_date
        on days.plan_id = by_date.plan_id and days.market_date = by_date.local_date
    inner join {{ ref('int_demand_charges__price') }} as charges
        on by_date.plan_id = charges.plan_id and by_date.version_hash = charges.version_hash
    inner join {{ ref('stg_plans__tariff_periods') }} as periods
        on
            charges.plan_id = periods.plan_id
            and charges.version_hash = periods.version_hash
            and charges.tariff_period_number = periods.tariff_period_number
    where
        charges.refusal is null
        and {{ season_holds('days.market_date', 'periods.first_month_day', 'periods.last_month_day') }}
),

charged_periods as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        plan_id,
        version_hash,
        tariff_period_number,
        demand_number,
        measurement_start,
        cast(count(*) as integer) as day_count,
        cast(count(distinct month_start) as integer) as month_count
    from charged_days
    group by
        contract_id, period_start_date, period_end_date, plan_id, version_hash, tariff_period_number, demand_number,
        measurement_start
),

price_starts as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        plan_id,
        version_hash,
        tariff_period_number,
        demand_number,
        min(market_date) as price_start_date
    from charged_days
    group by
        contract_id, period_start_date, period_end_date, plan_id, version_hash, tariff_period_number, demand_number
),

-- Half hours that local midnight puts beyond a plan's first or last day in the bill belong to that day.
measured_days as (
    select
        plan_days.contract_id,
        plan_days.period_start_date,
        plan_days.period_end_date,
        demand.plan_id,
        demand.version_hash,
        demand.tariff_period_number,
        demand.demand_number,
        demand.demand_kw,
        case
            when demand.local_date < plan_days.first_date then plan_days.first_date
            when demand.local_date > plan_days.last_date then plan_days.last_date
            else demand.local_date
        end as measured_date
    from {{ ref('int_daily_demand__by_charge') }} as demand
    inner join plan_days
        on
            demand.contract_id = plan_days.contract_id
            and demand.plan_id = plan_days.plan_id
            and demand.market_date between plan_days.period_start_date and plan_days.period_end_date
    where demand.demand_number is not null
),

measured as (
    select
        measured_days.contract_id,
        measured_days.period_start_date,
        measured_days.period_end_date,
        measured_days.plan_id,
        measured_days.version_hash,
        measured_days.tariff_period_number,
        measured_days.demand_number,
        case charges.measurement_period
            when 'DAY' then measured_days.measured_date
            when 'MONTH' then {{ month_start('measured_days.measured_date') }}
            else {{ date_literal('1900-01-01') }}
        end as measurement_start,
        max(measured_days.demand_kw) as demand_kw
    from measured_days
    inner join {{ ref('int_demand_charges__price') }} as charges
        on
            measured_days.plan_id = charges.plan_id
            and measured_days.version_hash = charges.version_hash
            and measured_days.tariff_period_number = charges.tariff_period_number
            and measured_days.demand_number = charges.demand_number
    group by
        measured_days.contract_id, measured_days.period_start_date, measured_days.period_end_date, measured_days.plan_id,
        measured_days.version_hash, measured_days.tariff_period_number, measured_days.demand_number,
        case charges.measurement_period
            when 'DAY' then measured_days.measured_date
            when 'MONTH' then {{ month_start('measured_days.measured_date') }}
            else {{ date_literal('1900-01-01') }}
        end
),

bounded as (
    select
        measured.contract_id,
        measured.period_start_date,
        measured.period_end_date,
        measured.plan_id,
        measured.version_hash,
        measured.tariff_period_number,
        measured.demand_number,
        measured.measurement_start,
        charges.measurement_period,
        charges.charge_period,
        charges.is_prorated,
        charges.unit_price_ex_gst_aud,
        periods.day_count,
        periods.month_count,
        price_starts.price_start_date,
        {{ days_between('measured.measurement_start', month_start(add_days('measured.measurement_start', 31))) }} as month_days,
        case
            when measured.demand_kw < charges.min_demand_kw then charges.min_demand_kw
            when measured.demand_kw > charges.max_demand_kw then charges.max_demand_kw
            else measured.demand_kw
        end as demand_kw
    from measured
    inner join {{ ref('int_demand_charges__price') }} as charges
        on
            measured.plan_id = charges.plan_id
            and measured.version_hash = charges.version_hash
            and measured.tariff_period_number = charges.tariff_period_number
            and measured.demand_number = charges.demand_number
    inner join charged_periods as periods
        on
            measured.contract_id = periods.contract_id
            and measured.period_start_date = periods.period_start_date
            and measured.period_end_date = periods.period_end_date
            and measured.plan_id = periods.plan_id
            and measured.version_hash = periods.version_hash
            and measured.tariff_period_number = periods.tariff_period_number
            and measured.demand_number = periods.demand_number
            and measured.measurement_start = periods.measurement_start
    inner join price_starts
        on
            measured.contract_id = price_starts.contract_id
            and measured.period_start_date = price_starts.period_start_date
            and measured.period_end_date = price_starts.period_end_date
            and measured.plan_id = price_starts.plan_id
            and measured.version_hash = price_starts.version_hash
            and measured.tariff_period_number = price_starts.tariff_period_number
            and measured.demand_number = price_starts.demand_number
)

select
    contract_id,
    period_start_date,
    period_end_date,
    {{ concat_text([
        "'DEMAND:'", text_of('tariff_period_number', 4), "'.'", text_of('demand_number', 4), "':'",
        "case measurement_period when 'DAY' then " ~ text_of('measurement_start', 10)
        ~ " when 'MONTH' then substring(" ~ text_of('measurement_start', 10) ~ ", 1, 7) else 'PERIOD' end",
    ]) }} as charge_id,
    price_start_date,
    plan_id,
    version_hash,
    'DEMAND' as charge_type,
    'ALL' as time_band,
    1 as block_number,
    cast(
        case
            when charge_period = 'DAY' then demand_kw * day_count
            when charge_period = 'MONTH' and measurement_period = 'MONTH' and is_prorated = 1
                then {{ divide('demand_kw * day_count', 'month_days', 14, 14) }}
            when charge_period = 'MONTH' and measurement_period <> 'MONTH' then demand_kw * month_count
            else demand_kw
        end as {{ kwh_type() }}
    ) as quantity,
    case charge_period when 'DAY' then 'KW_DAY' when 'MONTH' then 'KW_MONTH' else 'KW' end as unit,
    unit_price_ex_gst_aud,
    0 as is_credit,
    'TAXED' as gst_treatment
from bounded
where demand_kw > 0
