-- One row per market day of the worked bill periods: every day that any of them covers, from numbers 0 to 9 multiplied.
with digits as (
    {% for digit in range(10) -%}
    select {{ digit }} as digit{{ " union all" if not loop.last }}
    {% endfor %}
),

day_offsets as (
    select thousands.digit * 1000 + hundreds.digit * 100 + tens.digit * 10 + ones.digit as day_offset
    from digits as ones
    cross join digits as tens
    cross join digits as hundreds
    cross join digits as thousands
),

bounds as (
    select
        min(period_start_date) as first_date,
        max(period_end_date) as last_date
    from {{ ref('int_bill_periods__due') }}
)

select {{ add_days('bounds.first_date', 'day_offsets.day_offset') }} as market_date
from bounds
cross join day_offsets
where day_offsets.day_offset <= {{ days_between('bounds.first_date', 'bounds.last_date') }}
