-- One row per reading that was planned for SAP, as of the ledger's last snapshot.
select
    reading_key,
    meter_reading_order_id,
    billing_day,
    contract_id,
    device_id,
    register_id,
    reading_date,
    meter_reading_reason,
    {{ safe_decimal('reading_result', 23, 14) }} as reading_result,
    {{ safe_decimal('unrounded_reading', 23, 14) }} as unrounded_reading,
    content_hash,
    state,
    {{ clean_text('sap_document_id') }} as sap_document_id,
    {{ clean_text('sap_status_code') }} as sap_status_code,
    attempt_count,
    {{ clean_text('message') }} as message,
    updated_at
from {{ source('operations', 'load_ledger') }}
