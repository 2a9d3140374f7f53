{{ config(tags=['reporting']) }}
-- One row per exception: exception_id. A copy of the queue as of its last snapshot; the queue itself lives beside the load ledger.
select
    cast(exception_id as {{ text_type(16) }}) as exception_id,
    cast(billing_day as date) as billing_day,
    cast(rule_code as {{ text_type(40) }}) as rule_code,
    cast(severity as {{ text_type(12) }}) as severity,
    cast(nmi as {{ text_type(40) }}) as nmi,
    cast(nmi_suffix as {{ text_type(20) }}) as nmi_suffix,
    cast(contract_id as {{ text_type(40) }}) as contract_id,
    cast(first_market_date as date) as first_market_date,
    cast(last_market_date as date) as last_market_date,
    {{ short_text('detail', 2000) }} as detail,
    cast(state as {{ text_type(10) }}) as state,
    {{ short_text('state_reason', 1000) }} as state_reason,
    {{ short_text('state_actor', 200) }} as state_actor,
    cast(state_at as {{ instant_type() }}) as state_at,
    cast(detected_at as {{ instant_type() }}) as detected_at
from {{ ref('stg_operations__exception_queue') }}
