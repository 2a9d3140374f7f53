-- One row per part of a plan version whose prices nobody can charge: missing, no number, negative, beyond what anybody asks
-- (parameters of PLAN_NOT_PRICEABLE), neither dollars nor cents beyond doubt, or steps without a size or a period. The
-- reason names the part.
with prices as (
    select
        rates.plan_id,
        rates.version_hash,
        rates.section,
        rates.parent_number,
        tariffs.label,
        coalesce(rates.rate_type, 'ALL') as band,
        rates.unit_price_text,
        rates.unit_price_as_served,
        rates.measure_unit,
        rates.volume_text,
        rates.volume,
        units.price_unit,
        {{ in_dollars('rates.unit_price_as_served', 'units.price_unit') }} as unit_price_ex_gst_aud,
        {{ in_dollars('rates.supply_as_served', 'units.price_unit') }} as supply_ex_gst_aud,
        case
            when rates.section = 'FEED_IN' then {{ price_limit('MOST_FEED_IN_AUD') }} else {{ price_limit('MOST_USAGE_AUD') }}
        end as most_aud
    from {{ ref('stg_plans__rates') }} as rates
    inner join {{ ref('int_tariffs__list') }} as tariffs
        on
            rates.plan_id = tariffs.plan_id
            and rates.version_hash = tariffs.version_hash
            and rates.section = tariffs.section
            and rates.parent_number = tariffs.parent_number
    inner join {{ ref('int_plan_price_units__decide') }} as units
        on rates.plan_id = units.plan_id and rates.version_hash = units.version_hash
),

supply as (
    select
        periods.plan_id,
        periods.version_hash,
        periods.tariff_period_number,
        tariffs.label,
        periods.supply_text,
        {{ in_dollars('periods.supply_as_served', 'units.price_unit') }} as supply_ex_gst_aud
    from {{ ref('stg_plans__tariff_periods') }} as periods
    inner join {{ ref('int_tariffs__list') }} as tariffs
        on
            periods.plan_id = tariffs.plan_id
            and periods.version_hash = tariffs.version_hash
            and tariffs.section = 'TARIFF_PERIOD'
            and periods.tariff_period_number = tariffs.parent_number
    inner join {{ ref('int_plan_price_units__decide') }} as units
        on periods.plan_id = units.plan_id and periods.version_hash = units.version_hash
),

-- What decides between dollars and cents, for the words: the dearest rate of the plan.
dearest as (
    select
        plan_id,
        version_hash,
        {{ concat_text(["label", "', '", "band", "', costs '", "unit_price_text"]) }} as words,
        row_number() over (
            partition by plan_id, version_hash order by unit_price_as_served desc, section, parent_number, band
        ) as place
    from prices
    where price_unit = 'DOUBT' and unit_price_as_served > 0
),

doubtful_supply as (
    select
        plan_id,
        version_hash,
        max(supply_text) as supply_text
    from supply
    group by plan_id, version_hash
),

found as (
    select
        units.plan_id,
        units.version_hash,
        'PLAN' as section,
        cast(null as integer) as parent_number,
        'prices' as construct,
        {{ concat_text([
            "'the prices are neither dollars nor cents beyond doubt, or absurd: '", "coalesce(dearest.words, 'no rate')",
            "' a kWh beside a supply charge of '", "coalesce(doubtful_supply.supply_text, 'nothing')", "' a day'",
        ]) }} as reason
    from {{ ref('int_plan_price_units__decide') }} as units
    left join dearest
        on units.plan_id = dearest.plan_id and units.version_hash = dearest.version_hash and dearest.place = 1
    left join doubtful_supply
        on units.plan_id = doubtful_supply.plan_id and units.version_hash = doubtful_supply.version_hash
    where units.price_unit = 'DOUBT'
    union all
    select
        plan_id,
        version_hash,
        section,
        parent_number,
        'rates' as construct,
        {{ concat_text([
            "case when section = 'TARIFF_PERIOD' then " ~ concat_text(["label", "', '"]) ~ " else '' end", "band", "': '",
            "case when unit_price_text is null then 'a rate has no price' when unit_price_as_served is null then "
            ~ concat_text(["'the price '", "unit_price_text", "' is no number'"]) ~
            " when unit_price_as_served < 0 then " ~ concat_text(["'the price '", "unit_price_text", "' is negative'"]) ~
            " when coalesce(measure_unit, 'KWH') <> 'KWH' then " ~ concat_text(["'a rate is per '", "measure_unit"]) ~
            " when volume_text is not null and coalesce(volume, 0) <= 0 then 'the size of a step is no number above zero' else "
            ~ concat_text(["'the price '", "unit_price_text", "' is absurd'"]) ~ " end",
        ]) }} as reason
    from prices
    where
        coalesce(unit_price_as_served, -1) < 0
        or coalesce(measure_unit, 'KWH') <> 'KWH'
        or (volume_text is not null and coalesce(volume, 0) <= 0)
        or (price_unit <> 'DOUBT' and unit_price_ex_gst_aud > most_aud)
    union all
    select
        plan_id,
        version_hash,
        section,
        parent_number,
        'dailySupplyCharge' as construct,
        'the daily supply charge is absurd' as reason
    from prices
    where price_unit <> 'DOUBT' and supply_ex_gst_aud > {{ price_limit('MOST_SUPPLY_AUD') }}
    union all
    select
        plan_id,
        version_hash,
        'TARIFF_PERIOD' as section,
        tariff_period_number as parent_number,
        'dailySupplyCharge' as construct,
        {{ concat_text([
            "label", "': the supply charge '", "supply_text",
            "case when supply_ex_gst_aud < 0 then ' is negative' else ' is absurd' end",
        ]) }} as reason
    from supply
    where supply_ex_gst_aud < 0 or supply_ex_gst_aud > {{ price_limit('MOST_SUPPLY_AUD') }}
    union all
    select
        steps.plan_id,
        steps.version_hash,
        steps.section,
        steps.parent_number,
        'rates' as construct,
        {{ concat_text([
            "case when steps.section = 'TARIFF_PERIOD' then " ~ concat_text(["tariffs.label", "', '"]) ~ " else '' end",
            "steps.band_label",
            "case when steps.is_last_step = 0 and steps.step_volume is null then ': a step before the last has no size' else "
            ~ concat_text(["': the period '", "steps.period", "' of its steps has no rule'"]) ~ " end",
        ]) }} as reason
    from {{ ref('int_rate_steps__price') }} as steps
    inner join {{ ref('int_tariffs__list') }} as tariffs
        on
            steps.plan_id = tariffs.plan_id
            and steps.version_hash = tariffs.version_hash
            and steps.section = tariffs.section
            and steps.parent_number = tariffs.parent_number
    where
        (steps.is_last_step = 0 and steps.step_volume is null)
        or (steps.period_count is null and (steps.is_last_step = 0 or steps.step_volume is not null))
)

select distinct
    plan_id,
    version_hash,
    section,
    parent_number,
    construct,
    reason
from found
