{{ config(tags=['rating'], materialized='view') }}
-- One row per parameter of estimation and the days of work it holds from and to. A change is a new row from its first day
-- on, so that an old day is estimated again as it was.
-- LINEAR_LONGEST_HALF_HOURS: two hours, as in the market's method 17. On real homes the line is nearer to a gap's energy up
-- to there, about as near at four hours, and the like day is nearer beyond (docs/reference/estimation.md).
-- PROFILE_FEWEST_CHANNELS: fewer comparable customers would show one household's day as the class's.
-- ESTIMATES_BILLED: 0, a bill with gaps waits until a person releases its exception, then goes with the estimates; 1, it
-- goes with them by itself. Mostly the read comes within days, so it waits.
select
    cast('LINEAR_LONGEST_HALF_HOURS' as {{ text_type(40) }}) as parameter,
    cast(4 as integer) as parameter_value,
    {{ date_literal('1900-01-01') }} as first_date,
    {{ date_literal('9999-12-31') }} as last_date
union all
select
    'PROFILE_FEWEST_CHANNELS' as parameter,
    5 as parameter_value,
    {{ date_literal('1900-01-01') }} as first_date,
    {{ date_literal('9999-12-31') }} as last_date
union all
select
    'ESTIMATES_BILLED' as parameter,
    0 as parameter_value,
    {{ date_literal('1900-01-01') }} as first_date,
    {{ date_literal('9999-12-31') }} as last_date
