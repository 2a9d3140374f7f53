-- Sources that could not be read in this run; their earlier data stand.
with found as (
    select
        source_name,
        detail as failure,
        cast(null as {{ text_type(20) }}) as contract_id,
        billing_day as first_market_date,
        billing_day as last_market_date,
        billing_day
    from {{ ref('stg_operations__source_outcomes') }}
    where
        status = 'FAILED'
        and billing_day between {{ date_literal(var('start_day')) }} and {{ date_literal(var('end_day')) }}
)

select
    {{- contract_problem_columns('SOURCE_UNAVAILABLE', 'source_name', concat_text([
        "source_name", "' could not be read for '", text_of('billing_day', 10), "': '", "failure",
    ]), "cast(null as " ~ text_type(20) ~ ")") }}
from found
