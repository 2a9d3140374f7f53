{{ config(table_refresh_method='dml') }}
-- Daily supply: one row per due bill and price, for each market day of the bill; where the plan has bands of days, one row
-- per band that the bill's days reach.
with bands as (
    select
        plan_id,
        version_hash,
        tariff_period_number,
        band_number,
        unit_price_as_served,
        volume,
        coalesce(
            cast(sum(volume) over (
                partition by plan_id, version_hash, tariff_period_number order by band_number
                rows between unbounded preceding and 1 preceding
            ) as decimal(18, 6)),
            0
        ) as days_before
    from {{ ref('stg_plans__supply_bands') }}
)

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
union all
select
    segments.contract_id,
    segments.period_start_date,
    segments.period_end_date,
    {{ concat_text(["'SUPPLY:'", text_of('bands.band_number', 4)]) }} as charge_id,
    segments.price_start_date,
    segments.plan_id,
    segments.version_hash,
    'SUPPLY' as charge_type,
    'ALL' as time_band,
    bands.band_number as block_number,
    cast({{ step_quantity('segments.day_count', 'bands.days_before', '(bands.days_before + bands.volume)', 'bands.band_number') }} as {{ kwh_type() }})
        as quantity,
    'DAY' as unit,
    {{ in_dollars('bands.unit_price_as_served', 'units.price_unit') }} as unit_price_ex_gst_aud,
    0 as is_credit,
    'TAXED' as gst_treatment
from {{ ref('int_bill_prices__segment') }} as segments
inner join bands
    on
        segments.plan_id = bands.plan_id
        and segments.version_hash = bands.version_hash
        and segments.tariff_period_number = bands.tariff_period_number
inner join {{ ref('int_plan_price_units__decide') }} as units
    on segments.plan_id = units.plan_id and segments.version_hash = units.version_hash
where segments.day_count > bands.days_before
