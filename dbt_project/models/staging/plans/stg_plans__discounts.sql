-- One row per discount of a plan version. A rate is a fraction (0.02 is 2 %), amounts are dollars.
select
    {{ clean_text('plan_id') }} as plan_id,
    {{ clean_text('version_hash') }} as version_hash,
    discount_number,
    {{ clean_text('display_name') }} as display_name,
    {{ clean_text('description') }} as description,
    upper({{ clean_text('discount_type') }}) as discount_type,
    upper({{ clean_text('category') }}) as category,
    {{ clean_text('end_date') }} as end_text,
    {{ safe_date('end_date') }} as end_date,
    {{ clean_text('method') }} as method,
    {{ safe_decimal('rate', 18, 8) }} as rate,
    {{ safe_decimal('amount', 18, 8) }} as amount_aud,
    {{ safe_decimal('usage_amount', 18, 8) }} as usage_amount_aud
from {{ source('plans', 'plan_discounts') }}
