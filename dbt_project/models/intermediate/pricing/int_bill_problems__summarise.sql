-- One row per due bill that cannot be priced: the first reason in words, and how many more there are.
with distinct_problems as (
    select distinct
        contract_id,
        period_start_date,
        period_end_date,
        problem_rank,
        reason
    from {{ ref('int_bill_problems__detect') }}
),

ranked as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        reason,
        row_number() over (
            partition by contract_id, period_start_date, period_end_date order by problem_rank, reason
        ) as problem_number,
        count(*) over (partition by contract_id, period_start_date, period_end_date) as problem_count
    from distinct_problems
)

select
    contract_id,
    period_start_date,
    period_end_date,
    cast(
        case
            when problem_count = 1 then reason
            else {{ concat_text(["reason", "' (and '", text_of('problem_count - 1', 6), "' more)'"]) }}
        end as {{ text_type(500) }}
    ) as not_priceable_reason
from ranked
where problem_number = 1
