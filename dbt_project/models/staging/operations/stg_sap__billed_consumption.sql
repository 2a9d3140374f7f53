-- One row per contract and period: what SAP last said it billed.
select
    contract_id,
    start_date,
    end_date,
    period_type,
    {{ safe_decimal('billed_amount', 18, 2) }} as billed_amount,
    {{ clean_text('currency') }} as currency,
    {{ safe_decimal('consumption_value', 23, 14) }} as consumption_value,
    {{ clean_text('consumption_unit') }} as consumption_unit,
    {{ clean_text('meter_reading_category') }} as meter_reading_category,
    read_at
from {{ source('operations', 'sap_billed_consumption') }}
