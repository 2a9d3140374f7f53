-- Feed-in credits: one row per due bill, price, feed-in, band and step. The quantity and the price are positive; the line is
-- a credit. Energy beyond a last step that has a volume (a daily cap) is paid nothing.
select
    steps.contract_id,
    steps.period_start_date,
    steps.period_end_date,
    {{ concat_text([
        "'FEED_IN:'", text_of('steps.parent_number', 4), "':'", "steps.band_label", "':'", text_of('steps.block_number', 4),
        "steps.price_mark",
    ]) }} as charge_id,
    steps.price_start_date,
    steps.plan_id,
    steps.version_hash,
    'FEED_IN' as charge_type,
    steps.time_band,
    steps.block_number,
    steps.quantity_kwh as quantity,
    'KWH' as unit,
    steps.unit_price_ex_gst_aud,
    1 as is_credit,
    'REGISTERED' as gst_treatment
from {{ ref('int_energy_steps__split') }} as steps
inner join {{ ref('int_feed_ins__choose') }} as chosen
    on
        steps.contract_id = chosen.contract_id
        and steps.period_start_date = chosen.period_start_date
        and steps.period_end_date = chosen.period_end_date
        and steps.plan_id = chosen.plan_id
        and steps.version_hash = chosen.version_hash
        and steps.parent_number = chosen.feed_in_number
where steps.section = 'FEED_IN' and chosen.is_chosen = 1
