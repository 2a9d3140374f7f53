-- One row per fee of a plan version. Amounts are dollars.
select
    {{ clean_text('plan_id') }} as plan_id,
    {{ clean_text('version_hash') }} as version_hash,
    fee_number,
    upper({{ clean_text('fee_type') }}) as fee_type,
    upper({{ clean_text('term') }}) as term,
    {{ clean_text('amount') }} as amount_text,
    {{ safe_decimal('amount', 18, 8) }} as amount_aud,
    {{ clean_text('rate') }} as rate_text,
    {{ safe_decimal('rate', 18, 8) }} as rate,
    {{ clean_text('description') }} as description
from {{ source('plans', 'plan_fees') }}
