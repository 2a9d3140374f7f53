{{ config(tags=['billing']) }}
-- Detects: a bill whose daily supply is charged for more or fewer days than it has.
-- Matters: a price change or a change of plan would be charged twice or not at all on its day.
-- A row: the bill, the days charged and the days of the period.
with supplied as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        cast(sum(quantity) as decimal(18, 0)) as supply_days
    from {{ ref('fct_billing_determinants') }}
    where charge_type = 'SUPPLY' and charge_id not like 'SUPPLY:CONTROLLED_LOAD%'
    group by contract_id, period_start_date, period_end_date
)

select
    bills.contract_id,
    bills.period_start_date,
    bills.period_end_date,
    supplied.supply_days,
    bills.day_count
from {{ ref('fct_shadow_bills') }} as bills
left join supplied
    on
        bills.contract_id = supplied.contract_id
        and bills.period_start_date = supplied.period_start_date
        and bills.period_end_date = supplied.period_end_date
where bills.status <> 'NOT_PRICEABLE' and coalesce(supplied.supply_days, 0) <> bills.day_count
