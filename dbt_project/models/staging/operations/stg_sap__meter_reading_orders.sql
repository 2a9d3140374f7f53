{{ config(materialized='table', table_refresh_method='dml') }}
-- One row per meter reading order that SAP sent by SOAP and has not withdrawn, completed from what is known here, since
-- such an order names a device and a register but no contract, no period and no previous reading.
--
-- Device: its number, or its serial number, or else the point of delivery's device of that day. Register: its number, or
-- else the only register of the device that counts the suffix. Contract: the one of the device's NMI on the day.
-- Before: what SAP says of the register; else the last reading that SAP has from us; else the last manual reading. The
-- period begins the day after the earliest such reading of the contract's orders of the day, never before the contract.
-- What cannot be completed stays empty, and the rules on orders name it.
with orders as (
    select
        {{ clean_text('meter_reading_order_id') }} as meter_reading_order_id,
        {{ clean_text('meter_reading_reason') }} as meter_reading_reason,
        scheduled_read_date,
        {{ clean_text('device_id') }} as sent_device_id,
        {{ clean_text('task_id') }} as task_id,
        upper({{ clean_text('obis_code') }}) as obis_code,
        upper({{ clean_text('nmi') }}) as nmi,
        {{ safe_decimal('previous_reading', 23, 14) }} as previous_reading,
        previous_read_date
    from {{ source('operations', 'sap_meter_reading_orders') }}
    where state = 'OPEN'
),

devices_named as (
    select
        orders.meter_reading_order_id,
        devices.device_id,
        devices.nmi,
        devices.installed_date,
        1 as preference
    from orders
    inner join {{ ref('stg_retailer__devices') }} as devices
        on {{ padded_number('orders.sent_device_id') }} = {{ padded_number('devices.device_id') }}
    where orders.sent_device_id is not null
    union all
    select
        orders.meter_reading_order_id,
        devices.device_id,
        devices.nmi,
        devices.installed_date,
        2 as preference
    from orders
    inner join {{ ref('stg_retailer__devices') }} as devices
        on {{ padded_number('orders.sent_device_id') }} = {{ padded_number('devices.serial_number') }}
    where orders.sent_device_id is not null
    union all
    select
        orders.meter_reading_order_id,
        devices.device_id,
        devices.nmi,
        devices.installed_date,
        3 as preference
    from orders
    inner join {{ ref('stg_retailer__devices') }} as devices
        on
            orders.nmi = devices.nmi
            and orders.scheduled_read_date >= coalesce(devices.installed_date, orders.scheduled_read_date)
            and orders.scheduled_read_date <= coalesce(devices.removed_date, orders.scheduled_read_date)
    where orders.sent_device_id is null
),

devices_found as (
    select
        meter_reading_order_id,
        device_id,
        nmi,
        row_number() over (
            partition by meter_reading_order_id order by preference asc, installed_date desc, device_id asc
        ) as choice
    from devices_named
),

registers_found as (
    select
        orders.meter_reading_order_id,
        min(case
            when {{ padded_number('registers.register_id') }} = {{ padded_number('orders.task_id') }}
                then registers.register_id
        end) as register_by_number,
        min(case when registers.nmi_suffix = orders.obis_code then registers.register_id end) as register_by_suffix,
        cast(sum(case when registers.nmi_suffix = orders.obis_code then 1 else 0 end) as integer) as suffix_count
    from orders
    inner join devices_found
        on orders.meter_reading_order_id = devices_found.meter_reading_order_id and devices_found.choice = 1
    inner join {{ ref('stg_retailer__registers') }} as registers
        on devices_found.device_id = registers.device_id
    group by orders.meter_reading_order_id
),

contracts_found as (
    select
        orders.meter_reading_order_id,
        contracts.contract_id,
        contracts.start_date,
        row_number() over (
            partition by orders.meter_reading_order_id order by contracts.start_date desc, contracts.contract_id
        ) as choice
    from orders
    left join devices_found
        on orders.meter_reading_order_id = devices_found.meter_reading_order_id and devices_found.choice = 1
    inner join {{ ref('stg_retailer__contracts') }} as contracts
        on
            coalesce(devices_found.nmi, orders.nmi) = contracts.nmi
            and orders.scheduled_read_date >= contracts.start_date
            and orders.scheduled_read_date <= coalesce(contracts.end_date, orders.scheduled_read_date)
),

completed as (
    select
        orders.meter_reading_order_id,
        orders.meter_reading_reason,
        orders.scheduled_read_date,
        orders.previous_reading,
        orders.previous_read_date,
        contracts_found.contract_id,
        contracts_found.start_date as contract_start_date,
        coalesce(devices_found.device_id, orders.sent_device_id) as device_id,
        coalesce(
            registers_found.register_by_number,
            case when registers_found.suffix_count = 1 then registers_found.register_by_suffix end
        ) as register_id
    from orders
    left join devices_found
        on orders.meter_reading_order_id = devices_found.meter_reading_order_id and devices_found.choice = 1
    left join registers_found
        on orders.meter_reading_order_id = registers_found.meter_reading_order_id
    left join contracts_found
        on orders.meter_reading_order_id = contracts_found.meter_reading_order_id and contracts_found.choice = 1
),

readings_before as (
    select
        completed.meter_reading_order_id,
        ledger.reading_result as reading,
        ledger.reading_date,
        1 as preference
    from completed
    inner join {{ ref('stg_operations__load_ledger') }} as ledger
        on
            completed.device_id = ledger.device_id
            and completed.register_id = ledger.register_id
            and completed.scheduled_read_date > ledger.reading_date
    where ledger.state in ('CONFIRMED', 'LOCKED', 'REVERSAL_NEEDED')
    union all
    select
        completed.meter_reading_order_id,
        readings.meter_reading as reading,
        readings.reading_date,
        2 as preference
    from completed
    inner join {{ ref('stg_retailer__meter_readings') }} as readings
        on
            completed.device_id = readings.device_id
            and completed.register_id = readings.register_id
            and completed.scheduled_read_date > readings.reading_date
),

last_before as (
    select
        meter_reading_order_id,
        reading,
        reading_date,
        row_number() over (
            partition by meter_reading_order_id order by reading_date desc, preference asc, reading desc
        ) as choice
    from readings_before
),

with_previous as (
    select
        completed.meter_reading_order_id,
        completed.contract_id,
        completed.contract_start_date,
        completed.device_id,
        completed.register_id,
        completed.meter_reading_reason,
        completed.scheduled_read_date,
        case when completed.previous_read_date is not null then completed.previous_reading else last_before.reading end
            as previous_reading,
        {{ add_days('coalesce(completed.previous_read_date, last_before.reading_date)', 1) }} as first_day_unread
    from completed
    left join last_before
        on completed.meter_reading_order_id = last_before.meter_reading_order_id and last_before.choice = 1
),

with_start as (
    select
        meter_reading_order_id,
        contract_id,
        contract_start_date,
        device_id,
        register_id,
        meter_reading_reason,
        scheduled_read_date,
        previous_reading,
        min(first_day_unread) over (partition by contract_id, scheduled_read_date) as first_day_unread
    from with_previous
)

select
    scheduled_read_date as billing_day,
    meter_reading_order_id,
    contract_id,
    device_id,
    register_id,
    meter_reading_reason,
    scheduled_read_date,
    case when first_day_unread < contract_start_date then contract_start_date else first_day_unread end
        as period_start_date,
    previous_reading
from with_start
