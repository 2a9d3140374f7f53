-- One row per demand charge of a plan version, in dollars ex GST per kW and charge period. Dollars or cents are decided for
-- all demand charges of the version together and by themselves, by the limits of PLAN_NOT_PRICEABLE (seed
-- validation_parameters): between the greatest dollars and the least cents lies doubt. refusal says why a charge has no price beyond doubt.
with charges as (
    select
        charges.plan_id,
        charges.version_hash,
        charges.tariff_period_number,
        charges.demand_number,
        charges.display_name,
        charges.description,
        charges.amount_text,
        charges.amount_as_served,
        charges.measure_unit,
        charges.days_text,
        charges.is_mon,
        charges.is_tue,
        charges.is_wed,
        charges.is_thu,
        charges.is_fri,
        charges.is_sat,
        charges.is_sun,
        charges.is_business_days,
        charges.is_public_holidays,
        charges.start_text,
        charges.end_text,
        charges.start_minute,
        charges.end_minute,
        charges.min_demand_text,
        charges.min_demand_kw,
        charges.max_demand_text,
        charges.max_demand_kw,
        charges.measurement_period,
        charges.charge_period,
        case when charges.charge_period = 'DAY' then {{ price_limit('MOST_DEMAND_AUD_PER_DAY') }} else {{ price_limit('MOST_DEMAND_AUD') }} end
            as most_dollars,
        case when charges.charge_period = 'DAY' then {{ price_limit('LEAST_DEMAND_CENTS_PER_DAY') }} else {{ price_limit('LEAST_DEMAND_CENTS') }} end
            as least_cents
    from {{ ref('stg_plans__demand_charges') }} as charges
),

units as (
    select
        plan_id,
        version_hash,
        case
            when max(case when amount_as_served > most_dollars then 1 else 0 end) = 0 then 'DOLLARS'
            when min(case when amount_as_served = 0 or amount_as_served >= least_cents then 1 else 0 end) = 1 then 'CENTS'
            else 'DOUBT'
        end as price_unit
    from charges
    group by plan_id, version_hash
)

select
    charges.plan_id,
    charges.version_hash,
    charges.tariff_period_number,
    charges.demand_number,
    charges.display_name,
    charges.is_mon,
    charges.is_tue,
    charges.is_wed,
    charges.is_thu,
    charges.is_fri,
    charges.is_sat,
    charges.is_sun,
    charges.is_business_days,
    charges.is_public_holidays,
    charges.start_minute,
    charges.end_minute,
    cast(charges.min_demand_kw as {{ kwh_type() }}) as min_demand_kw,
    cast(charges.max_demand_kw as {{ kwh_type() }}) as max_demand_kw,
    charges.measurement_period,
    charges.charge_period,
    case when lower(charges.description) like '%pro-rat%' or lower(charges.description) like '%pro rat%'
        or lower(charges.description) like '%prorat%' then 1 else 0 end as is_prorated,
    {{ in_dollars('charges.amount_as_served', 'units.price_unit') }} as unit_price_ex_gst_aud,
    case
        when coalesce(charges.amount_as_served, -1) < 0 then 'its amount is missing or negative'
        when units.price_unit = 'DOUBT' then 'its amount is neither dollars nor cents beyond doubt'
        when units.price_unit = 'CENTS' and charges.amount_as_served > 100 * charges.most_dollars
            then {{ concat_text(["'its amount '", "charges.amount_text", "' is absurd'"]) }}
        when charges.measure_unit <> 'KW' then {{ concat_text(["'it is per '", "charges.measure_unit", "', which needs reactive data'"]) }}
        when
            charges.measurement_period is null or charges.charge_period is null
            or charges.measurement_period not in ('DAY', 'MONTH', 'TARIFF_PERIOD')
            or charges.charge_period not in ('DAY', 'MONTH', 'TARIFF_PERIOD')
            then 'its measurement or charge period has no rule'
        when
            (charges.measurement_period = 'DAY' and charges.charge_period <> 'DAY')
            or (charges.measurement_period = 'MONTH' and charges.charge_period = 'TARIFF_PERIOD')
            then {{ concat_text(["'it is measured per '", "charges.measurement_period", "' but charged per '", "charges.charge_period"]) }}
        when charges.start_minute is null or charges.end_minute is null then 'its window has no time'
        when
            charges.start_minute = charges.end_minute
            or charges.start_minute % 30 <> 0
            or charges.end_minute % 30 <> 0
            then {{ concat_text(["'its window '", "charges.start_text", "'-'", "charges.end_text", "' does not lie on half hours'"]) }}
        when
            charges.start_minute = 0
            and charges.end_minute = 1440
            and {{ words_name_hours(concat_text(["charges.display_name", "' '", "charges.description"])) }} = 1
            then 'its window is all day, but its words name hours or kinds of day'
        when
            charges.is_mon + charges.is_tue + charges.is_wed + charges.is_thu + charges.is_fri + charges.is_sat + charges.is_sun
            + charges.is_business_days + charges.is_public_holidays = 0
            then 'its window names no day'
        when
            (charges.min_demand_text is not null and coalesce(charges.min_demand_kw, -1) < 0)
            or (charges.max_demand_text is not null and coalesce(charges.max_demand_kw, -1) < 0)
            or charges.max_demand_kw < charges.min_demand_kw
            then 'its least or greatest demand is no number above zero'
    end as refusal
from charges
inner join units
    on charges.plan_id = units.plan_id and charges.version_hash = units.version_hash
