-- One row per due bill, basic meter's register and market day: the rate that prices its share. A single rate prices any
-- register; a rate by time only the register of its own band, for between two reads nobody knows when energy flowed.
with energy as (
    select
        days.contract_id,
        days.period_start_date,
        days.period_end_date,
        days.plan_id,
        days.market_date,
        spread.nmi_suffix,
        spread.register_key,
        spread.time_band,
        case spread.usage_type
            when 'CONTROLLED_LOAD' then 'CONTROLLED_LOAD' when 'GENERATION' then 'FEED_IN' else 'TARIFF_PERIOD'
        end as section,
        spread.energy_kwh
    from {{ ref('int_contract_days') }} as days
    inner join {{ ref('int_accumulation_days__spread') }} as spread
        on days.nmi = spread.nmi and days.market_date = spread.market_date
),

band_rates as (
    select
        plan_id,
        version_hash,
        section,
        parent_number,
        time_band,
        min(rate_number) as rate_number,
        count(distinct rate_number) as rate_count
    from {{ ref('int_rate_steps__price') }}
    group by plan_id, version_hash, section, parent_number, time_band
)

select
    energy.contract_id,
    energy.period_start_date,
    energy.period_end_date,
    energy.nmi_suffix,
    energy.register_key,
    energy.market_date,
    energy.plan_id,
    tariffs.version_hash,
    energy.section,
    tariffs.parent_number,
    case
        when tariffs.rate_block = 'SINGLE_RATE' then tariffs.first_rate_number
        when energy.time_band <> 'ALL' and band_rates.rate_count = 1 then band_rates.rate_number
    end as rate_number,
    energy.energy_kwh
from energy
left join {{ ref('int_tariff_periods__by_date') }} as by_date
    on energy.plan_id = by_date.plan_id and energy.market_date = by_date.local_date
left join {{ ref('int_tariffs__list') }} as tariffs
    on
        by_date.plan_id = tariffs.plan_id
        and by_date.version_hash = tariffs.version_hash
        and energy.section = tariffs.section
        and energy.market_date between tariffs.first_date and tariffs.last_date
        and (tariffs.section <> 'TARIFF_PERIOD' or tariffs.parent_number = by_date.tariff_period_number)
left join band_rates
    on
        tariffs.plan_id = band_rates.plan_id
        and tariffs.version_hash = band_rates.version_hash
        and tariffs.section = band_rates.section
        and tariffs.parent_number = band_rates.parent_number
        and energy.time_band = band_rates.time_band
