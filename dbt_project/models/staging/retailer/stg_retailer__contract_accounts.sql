-- One row per contract account.
select
    {{ clean_text('contract_account_id') }} as contract_account_id,
    {{ clean_text('customer_id') }} as customer_id
from {{ source('retailer', 'retailer_contract_accounts') }}
