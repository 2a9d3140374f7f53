{{ config(table_refresh_method='dml') }}
-- General usage, single rate, stepped or by time of use: one row per due bill, price, band and step.
select
    contract_id,
    period_start_date,
    period_end_date,
    {{ concat_text(["'USAGE:'", "band_label", "':'", text_of('block_number', 4), "price_mark"]) }} as charge_id,
    price_start_date,
    plan_id,
    version_hash,
    'USAGE' as charge_type,
    time_band,
    block_number,
    quantity_kwh as quantity,
    'KWH' as unit,
    unit_price_ex_gst_aud,
    0 as is_credit,
    'TAXED' as gst_treatment
from {{ ref('int_energy_steps__split') }}
where section = 'TARIFF_PERIOD'
