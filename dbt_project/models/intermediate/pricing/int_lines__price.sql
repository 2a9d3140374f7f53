-- One row per line of a due bill that can be priced. A new charge is a model with the columns that priced_lines takes; it
-- joins the bill by being named in macros/pricing/charge_lines.sql.
select
    contract_id,
    period_start_date,
    period_end_date,
    charge_id,
    price_start_date,
    billing_day,
    nmi,
    plan_id,
    version_hash,
    charge_type,
    time_band,
    block_number,
    quantity,
    unit,
    unit_price_ex_gst_aud,
    amount_ex_gst_aud,
    gst_aud,
    rule_model
from {{ ref('int_charge_lines__price') }}
union all
{{ priced_lines(ref('int_shares__collect')) }}
union all
{{ priced_lines(ref('int_concessions__collect')) }}
