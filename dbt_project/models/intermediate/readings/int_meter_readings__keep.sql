{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        replace_scope='int_bill_periods__due',
        replace_on=['contract_id', 'period_start_date', 'period_end_date'],
        on_schema_change='append_new_columns',
        tags=['billing'],
    )
}}
-- depends_on: {{ ref('int_bill_periods__due') }}
-- One row per reading of every bill ever worked, as its last run formed it: billing_day, device_id, register_id,
-- meter_reading_reason.
select
    billing_day,
    meter_reading_order_id,
    contract_id,
    nmi,
    period_start_date,
    period_end_date,
    device_id,
    register_id,
    meter_reading_reason,
    reading_date,
    reading_result,
    unrounded_reading,
    usage_kwh,
    meter_reading_category,
    unit,
    usage_type,
    is_held,
    hold_reason,
    is_unformed
from {{ ref('int_meter_readings__form') }}
