-- One row per contract; end_date null means open.
select
    {{ clean_text('contract_id') }} as contract_id,
    {{ clean_text('contract_account_id') }} as contract_account_id,
    upper({{ clean_text('nmi') }}) as nmi,
    {{ safe_date('start_date') }} as start_date,
    {{ safe_date('end_date') }} as end_date
from {{ source('retailer', 'retailer_contracts') }}
