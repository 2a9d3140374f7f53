-- One row per term agreed for a contract. A value is a number or a name; value_number is null for a name.
select
    {{ clean_text('contract_id') }} as contract_id,
    upper({{ clean_text('term') }}) as term,
    {{ clean_text('value') }} as term_value,
    {{ safe_decimal('value', 18, 8) }} as value_number,
    {{ safe_date('start_date') }} as start_date,
    {{ safe_date('end_date') }} as end_date,
    case
        when {{ clean_text('start_date') }} is not null and {{ safe_date('start_date') }} is null then 1
        when {{ clean_text('end_date') }} is not null and {{ safe_date('end_date') }} is null then 1
        else 0
    end as has_unreadable_date
from {{ source('retailer', 'retailer_contract_terms') }}
