{{ config(tags=['billing']) }}
-- Detects: a bill of this run whose recorded read versions do not hold all its energy, taken and sent, to the last digit.
-- Matters: a cent could not be traced to the reads that made it, and a revision of them would not find the bill.
-- A row: the bill, its energy and that of its recorded reads.
with read_energy as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        bill_version,
        cast(sum(energy_kwh) as {{ kwh_type() }}) as energy_kwh
    from {{ ref('fct_bill_read_versions') }}
    group by contract_id, period_start_date, period_end_date, bill_version
)

select
    bills.contract_id,
    bills.period_start_date,
    bills.period_end_date,
    bills.bill_version,
    bills.usage_kwh,
    bills.feed_in_kwh,
    read_energy.energy_kwh
from {{ ref('fct_shadow_bill_versions') }} as bills
inner join {{ ref('int_shadow_bills__rework') }} as reworked
    on
        bills.contract_id = reworked.contract_id
        and bills.period_start_date = reworked.period_start_date
        and bills.period_end_date = reworked.period_end_date
        and bills.bill_version = reworked.bill_version
left join read_energy
    on
        bills.contract_id = read_energy.contract_id
        and bills.period_start_date = read_energy.period_start_date
        and bills.period_end_date = read_energy.period_end_date
        and bills.bill_version = read_energy.bill_version
where bills.usage_kwh + bills.feed_in_kwh <> coalesce(read_energy.energy_kwh, 0)
