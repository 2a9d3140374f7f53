{{ config(tags=['billing']) }}
-- Detects: a bill of this run whose general and controlled-load lines do not add up to the energy read in its period. Where
-- the rounding policy rounds quantities, each line may differ by half of the last place.
-- Matters: energy was billed twice or not at all.
-- A row: the bill, the energy billed and the energy read.
with billed as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        cast(sum(quantity) as decimal(23, 14)) as billed_kwh,
        count(*) as line_count
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
inner join {{ ref('int_bill_rounding__choose') }} as rounding
    on
        bills.contract_id = rounding.contract_id
        and bills.period_start_date = rounding.period_start_date
        and bills.period_end_date = rounding.period_end_date
left join billed
    on
        bills.contract_id = billed.contract_id
        and bills.period_start_date = billed.period_start_date
        and bills.period_end_date = billed.period_end_date
where
    bills.status <> 'NOT_PRICEABLE'
    and abs(bills.usage_kwh - coalesce(billed.billed_kwh, 0)) > coalesce(billed.line_count, 0) * case rounding.quantity_places
        when 0 then 0.5 when 1 then 0.05 when 2 then 0.005 when 3 then 0.0005 when 4 then 0.00005 else 0
    end
