{{ config(
    materialized='incremental',
    incremental_strategy='replace',
    replace_scope='int_meter_files__touched',
    replace_on=['billing_day', 'source', 'file_name'],
) }}
-- One row per delivery that a run has carried through; written last, so that a run that fails leaves its deliveries to
-- the next one.
-- depends_on: {{ ref('fct_daily_usage') }}
-- depends_on: {{ ref('int_daily_energy__by_rate') }}
-- depends_on: {{ ref('int_problems__detected') }}
select
    billing_day,
    source,
    file_name,
    coalesce(file_hash, '') as file_hash,
    {{ date_literal(var('start_day')) }} as worked_start_day,
    {{ date_literal(var('end_day')) }} as worked_end_day
from {{ ref('int_meter_files__touched') }}
