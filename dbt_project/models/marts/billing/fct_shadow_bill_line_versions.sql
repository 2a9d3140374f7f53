{{ config(
    tags=['billing'],
    materialized='incremental',
    incremental_strategy='replace',
    replace_scope='int_shadow_bills__rework',
    replace_on=['contract_id', 'period_start_date', 'period_end_date', 'bill_version'],
    on_schema_change='append_new_columns',
) }}
-- One row per line of a bill version: fct_shadow_bill_lines holds the current bill's, this one keeps what every earlier
-- version said, so that a bill can be shown as it was.
select
    lines.contract_id,
    lines.period_start_date,
    lines.period_end_date,
    reworked.bill_version,
    lines.charge_id,
    lines.price_start_date,
    lines.plan_id,
    lines.version_hash,
    lines.charge_type,
    lines.time_band,
    lines.block_number,
    lines.quantity,
    lines.unit,
    lines.unit_price_ex_gst_aud,
    lines.amount_ex_gst_aud,
    lines.gst_aud,
    lines.rule_model
from {{ ref('fct_shadow_bill_lines') }} as lines
inner join {{ ref('int_shadow_bills__rework') }} as reworked
    on
        lines.contract_id = reworked.contract_id
        and lines.period_start_date = reworked.period_start_date
        and lines.period_end_date = reworked.period_end_date
