{{ config(tags=['billing']) }}
-- Detects: a bill whose general and controlled-load lines do not add up to the energy read in its period.
-- Matters: energy was billed twice or not at all.
-- A row: the bill, the energy billed and the energy read.
with billed as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        cast(sum(quantity) as decimal(23, 14)) as billed_kwh
    from {{ ref('fct_billing_determinants') }}
    where charge_type in ('USAGE', 'CONTROLLED_LOAD')
    group by contract_id, period_start_date, period_end_date
)

select
    bills.contract_id,
    bills.period_start_date,
    bills.period_end_date,
    billed.billed_kwh,
    bills.usage_kwh
from {{ ref('fct_shadow_bills') }} as bills
left join billed
    on
        bills.contract_id = billed.contract_id
        and bills.period_start_date = billed.period_start_date
        and bills.period_end_date = billed.period_end_date
where bills.status <> 'NOT_PRICEABLE' and bills.usage_kwh <> coalesce(billed.billed_kwh, 0)
