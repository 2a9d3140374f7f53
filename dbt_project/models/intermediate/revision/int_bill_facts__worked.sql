{{ config(
    tags=['billing'],
    materialized='incremental',
    incremental_strategy='replace',
    replace_scope='int_bill_periods__due',
    replace_on=['contract_id', 'period_start_date', 'period_end_date'],
) }}
-- One row per bill: the hash of the retailer's facts that it was last worked with. Written after the bill, so that a run
-- that fails leaves a corrected contract to the next one.
-- depends_on: {{ ref('fct_shadow_bills') }}
select
    due.contract_id,
    due.period_start_date,
    due.period_end_date,
    facts.facts_hash
from {{ ref('int_bill_periods__due') }} as due
inner join {{ ref('int_bill_facts__hash') }} as facts
    on
        due.contract_id = facts.contract_id
        and due.period_start_date = facts.period_start_date
        and due.period_end_date = facts.period_end_date
