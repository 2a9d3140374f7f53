-- Basic meters' records whose later read is dated before the earlier one: no days can be given to their energy.
with found as (
    select
        nmi,
        nmi_suffix,
        last_market_date as first_market_date,
        first_market_date as last_market_date,
        billing_day
    from {{ ref('int_accumulation_records__judge') }}
    where last_market_date < first_market_date
)

select
    {{- channel_problem_columns('READ_BEFORE_PREVIOUS', concat_text([
        "'register '", "nmi_suffix", "': the read of '", text_of('first_market_date', 10),
        "' is said to follow the one of '", text_of('last_market_date', 10),
    ])) }}
from found
