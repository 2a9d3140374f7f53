-- One row per contract and plan from a date; end_date null means open.
select
    {{ clean_text('contract_id') }} as contract_id,
    {{ clean_text('plan_id') }} as plan_id,
    {{ safe_date('start_date') }} as start_date,
    {{ safe_date('end_date') }} as end_date
from {{ source('retailer', 'retailer_contract_plans') }}
