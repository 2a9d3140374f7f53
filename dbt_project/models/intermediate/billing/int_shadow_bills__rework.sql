-- One row per bill version that this run computed.
select
    bills.contract_id,
    bills.period_start_date,
    bills.period_end_date,
    bills.bill_version
from {{ ref('fct_shadow_bills') }} as bills
inner join {{ ref('int_bill_periods__due') }} as due
    on
        bills.contract_id = due.contract_id
        and bills.period_start_date = due.period_start_date
        and bills.period_end_date = due.period_end_date
