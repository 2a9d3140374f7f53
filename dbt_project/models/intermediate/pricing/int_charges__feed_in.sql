{{ config(table_refresh_method='dml') }}
-- Feed-in credits: one row per due bill, price, feed-in, band and step. The quantity and the price are positive; the line is
-- a credit. Energy beyond a last step that has a volume (a daily cap) is paid nothing.
select
    contract_id,
    period_start_date,
    period_end_date,
    {{ concat_text([
        "'FEED_IN:'", text_of('parent_number', 4), "':'", "band_label", "':'", text_of('block_number', 4),
        "price_mark",
    ]) }} as charge_id,
    price_start_date,
    plan_id,
    version_hash,
    'FEED_IN' as charge_type,
    time_band,
    block_number,
    quantity_kwh as quantity,
    'KWH' as unit,
    unit_price_ex_gst_aud,
    1 as is_credit,
    'REGISTERED' as gst_treatment
from {{ ref('int_energy_steps__split') }}
where section = 'FEED_IN'
