{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        replace_scope='int_billing_days__touched',
        replace_on=['billing_day'],
        on_schema_change='append_new_columns',
        tags=['reporting'],
    )
}}
-- depends_on: {{ ref('int_billing_days__touched') }}
-- One row per billing_day and stage: what came in, and where each of it went. A bill closed late counts under its own billing day.
select
    cast(billing_day as date) as billing_day,
    cast(stage as {{ text_type(20) }}) as stage,
    cast(stage_number as integer) as stage_number,
    cast(unit as {{ text_type(20) }}) as unit,
    received,
    accepted,
    rejected,
    parked
from {{ ref('int_stage_counts__meter_data') }}
union all
select
    cast(billing_day as date) as billing_day,
    cast(stage as {{ text_type(20) }}) as stage,
    cast(stage_number as integer) as stage_number,
    cast(unit as {{ text_type(20) }}) as unit,
    received,
    accepted,
    rejected,
    parked
from {{ ref('int_stage_counts__billing') }}
