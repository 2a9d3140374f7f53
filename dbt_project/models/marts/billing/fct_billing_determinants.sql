{{ config(
    tags=['rating'],
    materialized='incremental',
    incremental_strategy='replace',
    replace_scope='int_bill_periods__due',
    replace_on=['contract_id', 'period_start_date', 'period_end_date'],
    on_schema_change='append_new_columns',
) }}
-- depends_on: {{ ref('int_bill_periods__due') }}
select
    contract_id,
    period_start_date,
    period_end_date,
    charge_id,
    price_start_date,
    billing_day,
    nmi,
    plan_id,
    version_hash,
    charge_type,
    time_band,
    block_number,
    quantity,
    unit
from {{ ref('int_lines__price') }}
