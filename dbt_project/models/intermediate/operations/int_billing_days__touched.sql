{{ config(tags=['reporting']) }}
-- One row per billing day whose balance this run may have changed: the days of its window, and the
-- earlier days of the deliveries and bills it worked late.
with days as (
    select distinct market_date as billing_day
    from {{ ref('stg_operations__market_calendar') }}
    where market_date between {{ date_literal(var('start_day')) }} and {{ date_literal(var('end_day')) }}
    union all
    select distinct billing_day
    from {{ ref('int_meter_files__touched') }}
    union all
    select distinct billing_day
    from {{ ref('stg_retailer__meter_reading_orders') }}
    where billing_day between {{ date_literal(var('start_day')) }} and {{ date_literal(var('end_day')) }}
    union all
    select distinct billing_day
    from {{ ref('int_bill_periods__due') }}
)

select distinct billing_day
from days
where billing_day is not null
