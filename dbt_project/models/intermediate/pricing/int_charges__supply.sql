-- Daily supply: one row per due bill and price, for each market day of the bill.
select
    segments.contract_id,
    segments.period_start_date,
    segments.period_end_date,
    'SUPPLY' as charge_id,
    segments.price_start_date,
    segments.plan_id,
    segments.version_hash,
    'SUPPLY' as charge_type,
    'ALL' as time_band,
    1 as block_number,
    cast(segments.day_count as {{ kwh_type() }}) as quantity,
    'DAY' as unit,
    {{ in_dollars('periods.supply_as_served', 'units.price_unit') }} as unit_price_ex_gst_aud,
    0 as is_credit,
    'TAXED' as gst_treatment
from {{ ref('int_bill_prices__segment') }} as segments
inner join {{ ref('stg_plans__tariff_periods') }} as periods
    on
        segments.plan_id = periods.plan_id
        and segments.version_hash = periods.version_hash
        and segments.tariff_period_number = periods.tariff_period_number
inner join {{ ref('int_plan_price_units__decide') }} as units
    on segments.plan_id = units.plan_id and segments.version_hash = units.version_hash
where segments.day_count > 0 and periods.supply_as_served is not null
