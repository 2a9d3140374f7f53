{{ config(tags=['settlement']) }}
-- One row per bill that SAP answered for: the billed consumption of just its period, else of the period of the same
-- contract that overlaps it (the latest one), which is not comparable but must be seen.
with candidates as (
    select
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date,
        billed.start_date,
        billed.end_date,
        billed.billed_amount,
        billed.currency,
        billed.consumption_value,
        billed.consumption_unit,
        billed.period_type,
        case
            when bills.period_start_date = billed.start_date and bills.period_end_date = billed.end_date then 1
            else 0
        end as is_same_period,
        billed.read_at
    from {{ ref('fct_shadow_bills') }} as bills
    inner join {{ ref('stg_sap__billed_consumption') }} as billed
        on
            bills.contract_id = billed.contract_id
            and bills.period_start_date <= billed.end_date
            and bills.period_end_date >= billed.start_date
),

ranked as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        start_date,
        end_date,
        billed_amount,
        currency,
        consumption_value,
        consumption_unit,
        is_same_period,
        row_number() over (
            partition by contract_id, period_start_date, period_end_date
            order by is_same_period desc, end_date desc, read_at desc, start_date desc, period_type asc
        ) as choice
    from candidates
)

select
    contract_id,
    period_start_date,
    period_end_date,
    start_date,
    end_date,
    billed_amount,
    currency,
    consumption_value,
    consumption_unit,
    is_same_period
from ranked
where choice = 1
