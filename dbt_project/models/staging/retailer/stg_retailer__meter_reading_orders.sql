-- One row per meter reading order of IS-U; billing_day is the scheduled read date.
--
-- Orders come replicated into the retailer's database, or from SAP itself by SOAP. An order that came both ways is taken as
-- the database has it, which knows its contract, period and previous reading. One that SAP has withdrawn is no order.
with replicated as (
    select
        billing_day,
        {{ clean_text('meter_reading_order_id') }} as meter_reading_order_id,
        {{ clean_text('contract_id') }} as contract_id,
        {{ clean_text('device_id') }} as device_id,
        {{ clean_text('register_id') }} as register_id,
        {{ clean_text('meter_reading_reason') }} as meter_reading_reason,
        {{ safe_date('scheduled_read_date') }} as scheduled_read_date,
        {{ safe_date('period_start_date') }} as period_start_date,
        {{ safe_decimal('previous_reading', 23, 14) }} as previous_reading
    from {{ source('retailer', 'retailer_meter_reading_orders') }}
)

select
    replicated.billing_day,
    replicated.meter_reading_order_id,
    replicated.contract_id,
    replicated.device_id,
    replicated.register_id,
    replicated.meter_reading_reason,
    replicated.scheduled_read_date,
    replicated.period_start_date,
    replicated.previous_reading
from replicated
left join {{ source('operations', 'sap_meter_reading_orders') }} as withdrawn
    on replicated.meter_reading_order_id = withdrawn.meter_reading_order_id and withdrawn.state = 'CANCELLED'
where withdrawn.meter_reading_order_id is null
union all
select
    sent.billing_day,
    sent.meter_reading_order_id,
    sent.contract_id,
    sent.device_id,
    sent.register_id,
    sent.meter_reading_reason,
    sent.scheduled_read_date,
    sent.period_start_date,
    sent.previous_reading
from {{ ref('stg_sap__meter_reading_orders') }} as sent
left join replicated
    on sent.meter_reading_order_id = replicated.meter_reading_order_id
where replicated.meter_reading_order_id is null
