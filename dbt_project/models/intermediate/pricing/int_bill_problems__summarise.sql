-- One row per due bill that cannot be priced: the first two reasons in words, and how many more there are. An unknown field
-- that a person has waived or released for the contract (it does not change the price) stands in nobody's way.
with accepted as (
    select
        contract_id,
        coalesce(first_market_date, {{ date_literal('1900-01-01') }}) as first_market_date,
        coalesce(last_market_date, {{ date_literal('9999-12-31') }}) as last_market_date
    from {{ ref('stg_operations__exception_queue') }}
    where rule_code = 'PLAN_FIELD_UNKNOWN' and state in ('WAIVED', 'RELEASED')
),

distinct_problems as (
    select distinct
        problems.contract_id,
        problems.period_start_date,
        problems.period_end_date,
        problems.problem_rank,
        problems.reason
    from {{ ref('int_bill_problems__detect') }} as problems
    where
        problems.rule_code is null
        or problems.rule_code <> 'PLAN_FIELD_UNKNOWN'
        or not exists (
            select 1
            from accepted
            where
                accepted.contract_id = problems.contract_id
                and accepted.first_market_date <= problems.period_end_date
                and accepted.last_market_date >= problems.period_start_date
        )
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
),

told as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        {{ concat_text([
            "max(case when problem_number = 1 then reason end)",
            "coalesce(max(case when problem_number = 2 then " ~ concat_text(["'; '", "reason"]) ~ " end), '')",
            "case when max(problem_count) > 2 then " ~ concat_text(["' (and '", text_of('max(problem_count) - 2', 6), "' more)'"])
            ~ " else '' end",
        ]) }} as reason
    from ranked
    group by contract_id, period_start_date, period_end_date
)

select
    contract_id,
    period_start_date,
    period_end_date,
    {{ short_text('reason', 500) }} as not_priceable_reason
from told
