-- One row per exception of the queue, as of its last snapshot.
select
    exception_id,
    billing_day,
    rule_code,
    severity,
    {{ clean_text('nmi') }} as nmi,
    {{ clean_text('nmi_suffix') }} as nmi_suffix,
    {{ clean_text('contract_id') }} as contract_id,
    first_market_date,
    last_market_date,
    detail,
    state,
    {{ clean_text('state_reason') }} as state_reason,
    {{ clean_text('state_actor') }} as state_actor,
    state_at,
    detected_at
from {{ source('operations', 'exception_queue') }}
