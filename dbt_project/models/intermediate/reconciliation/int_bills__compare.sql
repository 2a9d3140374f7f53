{{ config(tags=['settlement']) }}
-- One row per bill: our amounts and SAP's side by side, on the same footing (ex GST, kWh), before an outcome is given.
--
-- SAP's amounts read back are inc_gst or ex_gst (var sap_amounts). An inc_gst amount becomes comparable by taking off
-- our own bill's GST: SAP does not answer the GST by itself, and dividing by 1.1 would be wrong for the lines that
-- carry none (feed-in of households, concessions). When the totals agree the result is exact; when they do
-- not, difference_aud is the difference of the inclusive amounts, which is what the customer would see.
select
    bills.billing_day,
    bills.contract_id,
    bills.period_start_date,
    bills.period_end_date,
    bills.nmi,
    bills.contract_account_id,
    bills.status as bill_status,
    bills.status_reason,
    bills.total_ex_gst_aud as shadow_ex_gst_aud,
    bills.gst_aud as shadow_gst_aud,
    bills.usage_kwh as shadow_kwh,
    billed.start_date as billed_start_date,
    billed.end_date as billed_end_date,
    billed.is_same_period,
    billed.currency,
    upper(billed.consumption_unit) as consumption_unit,
    {% if var('sap_amounts') == 'inc_gst' -%}
        cast(billed.billed_amount - bills.gst_aud as {{ bill_amount_type() }}) as billed_ex_gst_aud,
    {%- elif var('sap_amounts') == 'ex_gst' -%}
        cast(billed.billed_amount as {{ bill_amount_type() }}) as billed_ex_gst_aud,
    {%- else -%}
        {{ exceptions.raise_compiler_error("var sap_amounts must be inc_gst or ex_gst, not " ~ var('sap_amounts')) }}
    {%- endif %}
    cast(billed.consumption_value as {{ kwh_type() }}) as billed_kwh,
    coalesce(loads.reading_count, 0) as reading_count,
    coalesce(loads.confirmed_count, 0) as confirmed_count,
    coalesce(loads.held_count, 0) as held_count,
    coalesce(loads.consumption_register_count, 0) as consumption_register_count,
    coalesce(loads.rounding_kwh, 0) as rounding_kwh
from {{ ref('fct_shadow_bills') }} as bills
left join {{ ref('int_sap_bills__match') }} as billed
    on
        bills.contract_id = billed.contract_id
        and bills.period_start_date = billed.period_start_date
        and bills.period_end_date = billed.period_end_date
left join {{ ref('int_bill_loads__count') }} as loads
    on
        bills.contract_id = loads.contract_id
        and bills.period_start_date = loads.period_start_date
        and bills.period_end_date = loads.period_end_date
