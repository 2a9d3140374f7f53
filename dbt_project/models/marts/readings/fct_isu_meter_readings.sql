{{ config(materialized='view', tags=['settlement']) }}
-- One row per reading for IS-U: billing_day, device_id, register_id, meter_reading_reason. A view over what was formed and
-- what the ledger says, so that the load status is never older than the ledger's last snapshot.
with ledger as (
    select
        meter_reading_order_id,
        state,
        sap_document_id,
        sap_status_code,
        message,
        updated_at,
        row_number() over (
            partition by meter_reading_order_id
            order by updated_at desc, reading_key asc
        ) as recency
    from {{ ref('stg_operations__load_ledger') }}
)

select
    cast(readings.billing_day as date) as billing_day,
    cast(readings.device_id as {{ text_type(30) }}) as device_id,
    cast(readings.register_id as {{ text_type(10) }}) as register_id,
    cast(readings.meter_reading_reason as {{ text_type(2) }}) as meter_reading_reason,
    cast(readings.meter_reading_order_id as {{ text_type(40) }}) as meter_reading_order_id,
    cast(readings.contract_id as {{ text_type(40) }}) as contract_id,
    cast(readings.period_start_date as date) as period_start_date,
    cast(readings.period_end_date as date) as period_end_date,
    cast(readings.nmi as {{ text_type(40) }}) as nmi,
    cast(readings.reading_result as {{ reading_type() }}) as reading_result,
    cast(readings.unrounded_reading as {{ reading_type() }}) as unrounded_reading,
    cast(readings.reading_date as date) as reading_date,
    {{ short_text('readings.meter_reading_category', 20) }} as meter_reading_category,
    cast(readings.usage_kwh as {{ kwh_type() }}) as usage_kwh,
    {{ short_text('readings.unit', 20) }} as unit,
    cast(case
        when ledger.state is null or ledger.state = 'PLANNED'
            then case when readings.is_held = 1 then 'HELD' else 'PENDING' end
        when ledger.state = 'SENT' then 'PENDING'
        else ledger.state
    end as {{ text_type(20) }}) as load_status,
    {{ short_text('readings.hold_reason', 400) }} as hold_reason,
    {{ short_text('ledger.message', 1000) }} as sap_message,
    {{ short_text('ledger.sap_document_id', 40) }} as sap_document_id,
    {{ short_text('ledger.sap_status_code', 20) }} as sap_status_code
from {{ ref('int_meter_readings__keep') }} as readings
left join ledger
    on readings.meter_reading_order_id = ledger.meter_reading_order_id and ledger.recency = 1
