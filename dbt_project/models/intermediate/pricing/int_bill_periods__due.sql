-- One row per bill that the run has to work. DUE: its orders are scheduled in the run's window. OPEN: an earlier bill that
-- is not closed, because not all its readings are confirmed by SAP. REVISED: a closed bill whose reads or prices
-- were changed by a delivery of the window.
with bills as (
    select
        contract_id,
        period_start_date,
        scheduled_read_date as period_end_date
    from {{ ref('stg_retailer__meter_reading_orders') }}
    where
        contract_id is not null
        and period_start_date <= scheduled_read_date
        and scheduled_read_date <= {{ date_literal(var('end_day')) }}
    group by contract_id, period_start_date, scheduled_read_date
),

order_states as (
    select
        orders.contract_id,
        orders.period_start_date,
        orders.scheduled_read_date as period_end_date,
        orders.meter_reading_order_id,
        max(case when ledger.state = 'CONFIRMED' then 1 else 0 end) as is_confirmed
    from {{ ref('stg_retailer__meter_reading_orders') }} as orders
    left join {{ ref('stg_operations__load_ledger') }} as ledger
        on orders.meter_reading_order_id = ledger.meter_reading_order_id
    where orders.scheduled_read_date < {{ date_literal(var('start_day')) }}
    group by
        orders.contract_id, orders.period_start_date, orders.scheduled_read_date, orders.meter_reading_order_id
),

closed as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        min(is_confirmed) as is_closed
    from order_states
    group by contract_id, period_start_date, period_end_date
),

nmi_days as (
    select distinct
        nmi,
        market_date
    from {{ ref('int_channel_days__touched') }}
),

revised_by_reads as (
    select distinct
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date
    from bills
    inner join {{ ref('stg_retailer__contracts') }} as contracts
        on bills.contract_id = contracts.contract_id
    inner join nmi_days
        on
            contracts.nmi = nmi_days.nmi
            and bills.period_start_date <= nmi_days.market_date
            and bills.period_end_date >= nmi_days.market_date
),

revised_by_prices as (
    select distinct
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date
    from bills
    inner join {{ ref('int_contract_plans__assign') }} as plans
        on
            bills.contract_id = plans.contract_id
            and bills.period_end_date >= plans.first_date
            and bills.period_start_date <= plans.last_date
    inner join {{ ref('int_plan_versions__in_force') }} as versions
        on
            plans.plan_id = versions.plan_id
            and bills.period_end_date >= versions.first_date
            and bills.period_start_date <= versions.last_date
    where
        versions.first_seen_billing_day
        between {{ date_literal(var('start_day')) }} and {{ date_literal(var('end_day')) }}
),

chosen as (
    select
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date,
        case
            when bills.period_end_date >= {{ date_literal(var('start_day')) }} then 'DUE'
            when closed.is_closed = 0 then 'OPEN'
            when revised_by_reads.contract_id is not null or revised_by_prices.contract_id is not null then 'REVISED'
        end as work_reason
    from bills
    left join closed
        on
            bills.contract_id = closed.contract_id
            and bills.period_start_date = closed.period_start_date
            and bills.period_end_date = closed.period_end_date
    left join revised_by_reads
        on
            bills.contract_id = revised_by_reads.contract_id
            and bills.period_start_date = revised_by_reads.period_start_date
            and bills.period_end_date = revised_by_reads.period_end_date
    left join revised_by_prices
        on
            bills.contract_id = revised_by_prices.contract_id
            and bills.period_start_date = revised_by_prices.period_start_date
            and bills.period_end_date = revised_by_prices.period_end_date
)

select
    chosen.contract_id,
    chosen.period_start_date,
    chosen.period_end_date,
    chosen.period_end_date as billing_day,
    {{ days_between('chosen.period_start_date', 'chosen.period_end_date') }} + 1 as day_count,
    contracts.contract_account_id,
    accounts.customer_id,
    customers.customer_type,
    coalesce(customers.is_gst_registered, 0) as is_gst_registered,
    contracts.nmi,
    service_points.jurisdiction,
    chosen.work_reason
from chosen
left join {{ ref('stg_retailer__contracts') }} as contracts
    on chosen.contract_id = contracts.contract_id
left join {{ ref('stg_retailer__contract_accounts') }} as accounts
    on contracts.contract_account_id = accounts.contract_account_id
left join {{ ref('stg_retailer__customers') }} as customers
    on accounts.customer_id = customers.customer_id
left join {{ ref('stg_retailer__service_points') }} as service_points
    on contracts.nmi = service_points.nmi
where chosen.work_reason is not null
