{{ config(tags=['billing']) }}
-- One row per reading the loader is to plan: billing_day, device_id, register_id, meter_reading_reason. A reading without
-- a value is not here (there is nothing to plan yet); it stands with its reason in fct_isu_meter_readings as HELD.
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
    is_held,
    hold_reason
from {{ ref('int_meter_readings__form') }}
where reading_result is not null
