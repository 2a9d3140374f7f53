-- One row per market day that the calendar knows.
select distinct market_date
from {{ ref('stg_operations__market_calendar') }}
where half_hour = 1
