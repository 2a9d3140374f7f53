{{ config(
    tags=['billing'],
    materialized='incremental',
    incremental_strategy='replace',
    replace_scope='int_shadow_bills__rework',
    replace_on=['contract_id', 'period_start_date', 'period_end_date', 'bill_version'],
    on_schema_change='fail',
) }}
select
    bills.contract_id,
    bills.period_start_date,
    bills.period_end_date,
    bills.bill_version,
    bills.billing_day,
    bills.contract_account_id,
    bills.nmi,
    bills.plan_id,
    bills.day_count,
    bills.usage_kwh,
    bills.feed_in_kwh,
    bills.total_ex_gst_aud,
    bills.gst_aud,
    bills.total_inc_gst_aud,
    bills.has_estimates,
    bills.has_substitutes,
    bills.status,
    bills.status_reason,
    bills.read_version_at,
    bills.content_hash
from {{ ref('fct_shadow_bills') }} as bills
inner join {{ ref('int_shadow_bills__rework') }} as reworked
    on
        bills.contract_id = reworked.contract_id
        and bills.period_start_date = reworked.period_start_date
        and bills.period_end_date = reworked.period_end_date
        and bills.bill_version = reworked.bill_version
