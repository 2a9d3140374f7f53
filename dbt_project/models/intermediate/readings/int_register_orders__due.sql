{{ config(tags=['billing']) }}
-- One row per meter reading order (device, register, reason) of a bill that is due in this run.
select
    due.billing_day,
    orders.meter_reading_order_id,
    due.contract_id,
    due.nmi,
    due.period_start_date,
    due.period_end_date,
    orders.device_id,
    orders.register_id,
    orders.meter_reading_reason,
    orders.scheduled_read_date as reading_date,
    orders.previous_reading,
    registers.nmi_suffix,
    registers.usage_type,
    registers.time_band,
    registers.unit,
    registers.multiplier,
    registers.integer_places,
    registers.decimal_places,
    register_usage.usage_kwh,
    register_usage.max_demand_kw
from {{ ref('int_bill_periods__due') }} as due
inner join {{ ref('stg_retailer__meter_reading_orders') }} as orders
    on
        due.contract_id = orders.contract_id
        and due.period_start_date = orders.period_start_date
        and due.period_end_date = orders.scheduled_read_date
left join {{ ref('stg_retailer__registers') }} as registers
    on orders.device_id = registers.device_id and orders.register_id = registers.register_id
left join {{ ref('int_register_usage__sum') }} as register_usage
    on
        due.contract_id = register_usage.contract_id
        and due.period_start_date = register_usage.period_start_date
        and due.period_end_date = register_usage.period_end_date
        and orders.device_id = register_usage.device_id
        and orders.register_id = register_usage.register_id
