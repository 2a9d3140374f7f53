{{ config(
    tags=['billing'],
    materialized='incremental',
    incremental_strategy='replace',
    replace_scope='int_bill_periods__due',
    replace_on=['contract_id', 'period_start_date', 'period_end_date'],
    on_schema_change='append_new_columns',
) }}
-- depends_on: {{ ref('int_bill_periods__due') }}
select
    bills.contract_id,
    bills.period_start_date,
    bills.period_end_date,
    bills.billing_day,
    {% if is_incremental() -%}
    cast(case
        when current_bills.content_hash is null then 1
        when current_bills.content_hash = bills.content_hash then current_bills.bill_version
        else current_bills.bill_version + 1
    end as integer) as bill_version,
    {%- else -%}
    cast(1 as integer) as bill_version,
    {%- endif %}
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
    case
        when bills.not_priceable_reason is not null then 'NOT_PRICEABLE'
        when holds.hold_reason is not null then 'HELD'
        else 'READY'
    end as status,
    coalesce(bills.not_priceable_reason, holds.hold_reason) as status_reason,
    bills.read_version_at,
    bills.content_hash
from {{ ref('int_bills__price') }} as bills
left join {{ ref('int_bill_holds__collect') }} as holds
    on
        bills.contract_id = holds.contract_id
        and bills.period_start_date = holds.period_start_date
        and bills.period_end_date = holds.period_end_date
{%- if is_incremental() %}
left join {{ this }} as current_bills
    on
        bills.contract_id = current_bills.contract_id
        and bills.period_start_date = current_bills.period_start_date
        and bills.period_end_date = current_bills.period_end_date
{%- endif %}
