{{ config(table_refresh_method='dml') }}
-- Controlled load: energy of its own channels per band and step, and its own daily supply charge for each market day.
with supply_prices as (
    select
        rates.plan_id,
        rates.version_hash,
        rates.parent_number,
        max({{ in_dollars('rates.supply_as_served', 'units.price_unit') }}) as unit_price_ex_gst_aud
    from {{ ref('stg_plans__rates') }} as rates
    inner join {{ ref('int_plan_price_units__decide') }} as units
        on rates.plan_id = units.plan_id and rates.version_hash = units.version_hash
    where rates.section = 'CONTROLLED_LOAD' and rates.supply_as_served is not null
    group by rates.plan_id, rates.version_hash, rates.parent_number
)

select
    contract_id,
    period_start_date,
    period_end_date,
    {{ concat_text(["'CONTROLLED_LOAD:'", "band_label", "':'", text_of('block_number', 4), "price_mark"]) }} as charge_id,
    price_start_date,
    plan_id,
    version_hash,
    'CONTROLLED_LOAD' as charge_type,
    time_band,
    block_number,
    quantity_kwh as quantity,
    'KWH' as unit,
    unit_price_ex_gst_aud,
    0 as is_credit,
    'TAXED' as gst_treatment
from {{ ref('int_energy_steps__split') }}
where section = 'CONTROLLED_LOAD'
union all
select
    chosen.contract_id,
    chosen.period_start_date,
    chosen.period_end_date,
    'SUPPLY:CONTROLLED_LOAD' as charge_id,
    chosen.price_start_date,
    chosen.plan_id,
    chosen.version_hash,
    'SUPPLY' as charge_type,
    'ALL' as time_band,
    1 as block_number,
    cast(chosen.day_count as {{ kwh_type() }}) as quantity,
    'DAY' as unit,
    supply_prices.unit_price_ex_gst_aud,
    0 as is_credit,
    'TAXED' as gst_treatment
from {{ ref('int_controlled_loads__choose') }} as chosen
inner join supply_prices
    on
        chosen.plan_id = supply_prices.plan_id
        and chosen.version_hash = supply_prices.version_hash
        and chosen.controlled_load_number = supply_prices.parent_number
where chosen.tariff_count = 1 and chosen.day_count > 0 and supply_prices.unit_price_ex_gst_aud > 0
