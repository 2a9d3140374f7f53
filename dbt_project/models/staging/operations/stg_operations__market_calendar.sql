-- One row per jurisdiction, clock, market day and half hour: what the clock says when that half hour starts.
select
    jurisdiction,
    clock,
    market_date,
    half_hour,
    local_date,
    local_start_minute,
    weekday,
    is_public_holiday,
    is_business_day
from {{ source('operations', 'market_calendar') }}
