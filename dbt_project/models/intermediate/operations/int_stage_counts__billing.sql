{{ config(tags=['reporting']) }}
-- One row per touched billing day and stage from the due contract to the compared bill. What is received is counted from
-- IS-U's orders, not from our own results, so that a contract or reading lost on the way shows as rejected.
with due_orders as (
    select
        orders.billing_day,
        orders.meter_reading_order_id,
        orders.contract_id,
        orders.period_start_date,
        orders.scheduled_read_date
    from {{ ref('stg_retailer__meter_reading_orders') }} as orders
    inner join {{ ref('int_billing_days__touched') }} as days
        on orders.billing_day = days.billing_day
),

due_bills as (
    select distinct
        billing_day,
        contract_id,
        period_start_date,
        scheduled_read_date
    from due_orders
),

bills as (
    select
        due_bills.billing_day,
        count(*) as received,
        sum(case when bills.status = 'READY' then 1 else 0 end) as ready,
        sum(case when bills.status is null then 1 else 0 end) as lost,
        sum(case when bills.status <> 'READY' then 1 else 0 end) as parked,
        sum(case when bills.status = 'READY' and compared.outcome = 'AGREE' then 1 else 0 end) as agreed,
        sum(case when bills.status = 'READY' and compared.outcome = 'DIFFER' then 1 else 0 end) as differing
    from due_bills
    left join {{ ref('fct_shadow_bills') }} as bills
        on
            due_bills.contract_id = bills.contract_id
            and due_bills.period_start_date = bills.period_start_date
            and due_bills.scheduled_read_date = bills.period_end_date
    left join {{ ref('fct_bill_reconciliation') }} as compared
        on
            due_bills.contract_id = compared.contract_id
            and due_bills.period_start_date = compared.period_start_date
            and due_bills.scheduled_read_date = compared.period_end_date
    group by due_bills.billing_day
),

readings as (
    select
        due_orders.billing_day,
        count(*) as received,
        sum(case when readings.load_status <> 'HELD' then 1 else 0 end) as planned,
        sum(case when readings.load_status is null then 1 else 0 end) as lost,
        sum(case when readings.load_status = 'HELD' then 1 else 0 end) as held,
        sum(case when readings.load_status = 'CONFIRMED' then 1 else 0 end) as confirmed,
        sum(case when readings.load_status in ('REJECTED', 'CANCELLED') then 1 else 0 end) as refused
    from due_orders
    left join {{ ref('fct_isu_meter_readings') }} as readings
        on due_orders.meter_reading_order_id = readings.meter_reading_order_id
    group by due_orders.billing_day
)

select
    days.billing_day,
    4 as stage_number,
    'contracts' as stage,
    'contracts' as unit,
    cast(coalesce(bills.received, 0) as integer) as received,
    cast(coalesce(bills.ready, 0) as integer) as accepted,
    cast(coalesce(bills.lost, 0) as integer) as rejected,
    cast(coalesce(bills.parked, 0) as integer) as parked
from {{ ref('int_billing_days__touched') }} as days
left join bills
    on days.billing_day = bills.billing_day
union all
select
    days.billing_day,
    5 as stage_number,
    'readings_planned' as stage,
    'readings' as unit,
    cast(coalesce(readings.received, 0) as integer) as received,
    cast(coalesce(readings.planned, 0) as integer) as accepted,
    cast(coalesce(readings.lost, 0) as integer) as rejected,
    cast(coalesce(readings.held, 0) as integer) as parked
from {{ ref('int_billing_days__touched') }} as days
left join readings
    on days.billing_day = readings.billing_day
union all
select
    days.billing_day,
    6 as stage_number,
    'readings_loaded' as stage,
    'readings' as unit,
    cast(coalesce(readings.planned, 0) as integer) as received,
    cast(coalesce(readings.confirmed, 0) as integer) as accepted,
    cast(coalesce(readings.refused, 0) as integer) as rejected,
    cast(coalesce(readings.planned - readings.confirmed - readings.refused, 0) as integer) as parked
from {{ ref('int_billing_days__touched') }} as days
left join readings
    on days.billing_day = readings.billing_day
union all
select
    days.billing_day,
    7 as stage_number,
    'bills_compared' as stage,
    'bills' as unit,
    cast(coalesce(bills.ready, 0) as integer) as received,
    cast(coalesce(bills.agreed, 0) as integer) as accepted,
    cast(coalesce(bills.differing, 0) as integer) as rejected,
    cast(coalesce(bills.ready - bills.agreed - bills.differing, 0) as integer) as parked
from {{ ref('int_billing_days__touched') }} as days
left join bills
    on days.billing_day = bills.billing_day
