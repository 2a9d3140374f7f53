-- One row per part of a plan version that cannot be priced, with the construct and the reason in words. section and
-- parent_number say whom it concerns: PLAN everybody, TARIFF_PERIOD bills in that season, CONTROLLED_LOAD and FEED_IN
-- contracts that have such a channel. Better no bill than a wrong one.
with tariff_periods as (
    select
        periods.plan_id,
        periods.version_hash,
        periods.tariff_period_number,
        periods.start_text,
        periods.end_text,
        periods.first_month_day,
        periods.last_month_day,
        periods.supply_type,
        periods.supply_text,
        periods.supply_as_served,
        tariffs.rate_block
    from {{ ref('stg_plans__tariff_periods') }} as periods
    inner join {{ ref('int_tariffs__list') }} as tariffs
        on
            periods.plan_id = tariffs.plan_id
            and periods.version_hash = tariffs.version_hash
            and tariffs.section = 'TARIFF_PERIOD'
            and periods.tariff_period_number = tariffs.parent_number
),

plan_problems as (
    select
        plan_id,
        version_hash,
        'PLAN' as section,
        cast(null as integer) as parent_number,
        'pricingModel' as construct,
        {{ concat_text(["'pricing model '", "pricing_model", "' has no rule'"]) }} as reason
    from {{ ref('int_plan_versions__in_force') }}
    where pricing_model = 'QUOTA'
    union all
    select
        plan_id,
        version_hash,
        'PLAN' as section,
        cast(null as integer) as parent_number,
        'version' as construct,
        reason
    from {{ ref('int_plan_changes__check') }}
    union all
    select distinct
        plan_id,
        version_hash,
        'PLAN' as section,
        cast(null as integer) as parent_number,
        'timeZone' as construct,
        {{ concat_text(["'clock '", "clock", "' is not known'"]) }} as reason
    from {{ ref('int_tariffs__list') }}
    where clock not in ('LOCAL', 'AEST')
    union all
    select
        plan_id,
        version_hash,
        'PLAN' as section,
        cast(null as integer) as parent_number,
        'timeZone' as construct,
        'its tariff periods follow different clocks' as reason
    from {{ ref('int_tariffs__list') }}
    where section = 'TARIFF_PERIOD' and rate_block is not null
    group by plan_id, version_hash
    having count(distinct clock) > 1
    union all
    select
        versions.plan_id,
        versions.version_hash,
        'PLAN' as section,
        cast(null as integer) as parent_number,
        'tariffPeriod' as construct,
        'no tariff period has a rate' as reason
    from {{ ref('int_plan_versions__in_force') }} as versions
    where not exists (
        select 1
        from tariff_periods
        where
            tariff_periods.plan_id = versions.plan_id
            and tariff_periods.version_hash = versions.version_hash
            and tariff_periods.rate_block is not null
    )
    union all
    select
        plan_id,
        version_hash,
        'PLAN' as section,
        cast(null as integer) as parent_number,
        'tariffPeriod' as construct,
        reason
    from {{ ref('int_plan_seasons__check') }}
),

unknown_fields as (
    select
        plan_id,
        version_hash,
        'PLAN' as section,
        cast(null as integer) as parent_number,
        field_path as construct,
        {{ concat_text(["'the field or value '", "field_path", "' = '", "substring(coalesce(field_value, ''), 1, 60)",
                        "' has no rule'"]) }} as reason
    from {{ ref('stg_plans__unknown_fields') }}
),

-- Bands of days: the first so many days of the bill at one price, the next at another. Bands of anything else (of yearly use,
-- as the register's own discussion means them) cannot be told from a bill.
bands as (
    select
        plan_id,
        version_hash,
        tariff_period_number,
        unit_price_as_served,
        coalesce(measure_unit, 'DAYS') as measure_unit,
        volume_text,
        volume,
        max(band_number) over (partition by plan_id, version_hash, tariff_period_number) - band_number as bands_after
    from {{ ref('stg_plans__supply_bands') }}
),

banded_periods as (
    select
        plan_id,
        version_hash,
        tariff_period_number,
        max(case
            when measure_unit <> 'DAYS' then {{ concat_text(["'the daily supply charge has bands of '", "measure_unit"]) }}
            when coalesce(unit_price_as_served, -1) < 0 then 'a band of the daily supply charge has no price'
            when bands_after = 0 and volume_text is not null then 'days beyond the last band of the daily supply charge have no price'
            when bands_after > 0 and (coalesce(volume, 0) <= 0 or volume > 366 or volume <> {{ rounded('volume', 18, 0) }})
                then 'a band of the daily supply charge is not for a number of days up to a year'
        end) as refusal
    from bands
    group by plan_id, version_hash, tariff_period_number
),

supply_problems as (
    select
        periods.plan_id,
        periods.version_hash,
        'TARIFF_PERIOD' as section,
        periods.tariff_period_number as parent_number,
        'dailySupplyCharge' as construct,
        case
            when bands.refusal is not null then bands.refusal
            when bands.plan_id is not null then 'there is one daily supply charge beside bands'
            when periods.supply_text is null then 'there is no daily supply charge'
            when periods.supply_as_served is null then 'the daily supply charge is no number'
            else 'the daily supply charge is negative'
        end as reason
    from tariff_periods as periods
    left join banded_periods as bands
        on
            periods.plan_id = bands.plan_id
            and periods.version_hash = bands.version_hash
            and periods.tariff_period_number = bands.tariff_period_number
    where
        periods.rate_block is not null
        and (
            bands.refusal is not null
            or (bands.plan_id is not null and periods.supply_text is not null)
            or (bands.plan_id is null and (periods.supply_as_served is null or periods.supply_as_served < 0))
        )
    union all
    select distinct
        beside.plan_id,
        beside.version_hash,
        'PLAN' as section,
        cast(null as integer) as parent_number,
        'dailySupplyCharge' as construct,
        'a tariff period without rates has a supply charge of its own' as reason
    from tariff_periods as beside
    inner join tariff_periods as main
        on beside.plan_id = main.plan_id and beside.version_hash = main.version_hash
    where
        beside.rate_block is null
        and main.rate_block is not null
        and beside.supply_as_served <> 0
        and beside.supply_as_served <> coalesce(main.supply_as_served, 0)
),

tariff_problems as (
    select
        plan_id,
        version_hash,
        section,
        parent_number,
        section as construct,
        case
            when rate_block is null then 'it has no rates'
            when rate_block_count > 1 then 'it has both a single rate and time of use'
            else 'it has several single rates'
        end as reason
    from {{ ref('int_tariffs__list') }}
    where
        (section <> 'TARIFF_PERIOD' and rate_block is null)
        or rate_block_count > 1
        or (rate_block = 'SINGLE_RATE' and rate_count > 1)
    union all
    select
        plan_id,
        version_hash,
        section,
        parent_number,
        'dailySupplyCharge' as construct,
        'its rates name different daily supply charges' as reason
    from {{ ref('stg_plans__rates') }}
    where section = 'CONTROLLED_LOAD' and supply_as_served is not null
    group by plan_id, version_hash, section, parent_number
    having count(distinct supply_as_served) > 1
    union all
    select distinct
        plan_id,
        version_hash,
        section,
        parent_number,
        'dailySupplyCharge' as construct,
        'the daily supply charge is no number, or negative' as reason
    from {{ ref('stg_plans__rates') }}
    where section = 'CONTROLLED_LOAD' and supply_text is not null and coalesce(supply_as_served, -1) < 0
),

-- What is wrong anywhere in the general usage of a plan is wrong with the plan, whatever the season.
price_problems as (
    select
        plan_id,
        version_hash,
        case when section = 'TARIFF_PERIOD' then 'PLAN' else section end as section,
        case when section <> 'TARIFF_PERIOD' then parent_number end as parent_number,
        construct,
        reason
    from {{ ref('int_plan_prices__check') }}
),

window_problems as (
    select distinct
        plan_id,
        version_hash,
        section,
        parent_number,
        'timeOfUse' as construct,
        case
            when days_text is null then 'a window names no days'
            when start_minute is null or end_minute is null
                then {{ concat_text(["'a window runs from '", "coalesce(start_text, 'nothing')", "' to '", "coalesce(end_text, 'nothing')"]) }}
            when start_minute = end_minute
                then {{ concat_text(["'a window starts and ends at '", "start_text"]) }}
            else {{ concat_text(["'the window '", "start_text", "'-'", "end_text", "' does not lie on half hours'"]) }}
        end as reason
    from {{ ref('stg_plans__rate_windows') }}
    where
        days_text is null
        or start_minute is null
        or end_minute is null
        or start_minute = end_minute
        or start_minute % 30 <> 0
        or end_minute % 30 <> 0
    union all
    select distinct
        rates.plan_id,
        rates.version_hash,
        rates.section,
        rates.parent_number,
        'timeOfUse' as construct,
        'a time-of-use rate has no windows' as reason
    from {{ ref('stg_plans__rates') }} as rates
    left join {{ ref('stg_plans__rate_windows') }} as windows
        on
            rates.plan_id = windows.plan_id
            and rates.version_hash = windows.version_hash
            and rates.section = windows.section
            and rates.parent_number = windows.parent_number
            and rates.rate_number = windows.rate_number
    where rates.rate_block <> 'SINGLE_RATE' and windows.plan_id is null
    union all
    select
        checks.plan_id,
        checks.version_hash,
        case when checks.section = 'TARIFF_PERIOD' then 'PLAN' else checks.section end as section,
        case when checks.section <> 'TARIFF_PERIOD' then checks.parent_number end as parent_number,
        checks.construct,
        {{ concat_text(["case when checks.section = 'TARIFF_PERIOD' then "
                        ~ concat_text(["tariffs.label", "': '"]) ~ " else '' end", "checks.reason"]) }} as reason
    from {{ ref('int_plan_windows__check') }} as checks
    inner join {{ ref('int_tariffs__list') }} as tariffs
        on
            checks.plan_id = tariffs.plan_id
            and checks.version_hash = tariffs.version_hash
            and checks.section = tariffs.section
            and checks.parent_number = tariffs.parent_number
),

unsupported as (
    select
        demand.plan_id,
        demand.version_hash,
        case when tariffs.rate_block is null then 'PLAN' else 'TARIFF_PERIOD' end as section,
        demand.tariff_period_number as parent_number,
        'demandCharges' as construct,
        {{ concat_text(["'the demand charge '", "demand.display_name", "': '", "demand.refusal"]) }} as reason
    from {{ ref('int_demand_charges__price') }} as demand
    inner join {{ ref('int_tariffs__list') }} as tariffs
        on
            demand.plan_id = tariffs.plan_id
            and demand.version_hash = tariffs.version_hash
            and tariffs.section = 'TARIFF_PERIOD'
            and demand.tariff_period_number = tariffs.parent_number
    where demand.refusal is not null
    union all
    select
        plan_id,
        version_hash,
        'PLAN' as section,
        cast(null as integer) as parent_number,
        'fees' as construct,
        {{ concat_text(["'the recurrent fee '", "fee_type", "' per '", "term",
                        "' is no plain amount that every customer pays'"]) }} as reason
    from {{ ref('int_fees__recur') }}
    where is_priceable = 0
)

{% for problems in ['plan_problems', 'unknown_fields', 'supply_problems', 'tariff_problems', 'price_problems', 'window_problems', 'unsupported'] -%}
select
    plan_id,
    version_hash,
    section,
    parent_number,
    '{{ "PLAN_FIELD_UNKNOWN" if problems == "unknown_fields" else "PLAN_NOT_PRICEABLE" }}' as rule_code,
    construct,
    reason
from {{ problems }}
{% if not loop.last %}union all
{% endif %}
{%- endfor %}
