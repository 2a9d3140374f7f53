{{ config(tags=['rating']) }}
-- One row per bill that the run has to work. DUE: its orders are scheduled in the run's window.
select
    orders.contract_id,
    orders.period_start_date,
    orders.scheduled_read_date as period_end_date,
    orders.scheduled_read_date as billing_day,
    contracts.nmi,
    'DUE' as work_reason
from {{ ref('stg_retailer__meter_reading_orders') }} as orders
left join {{ ref('stg_retailer__contracts') }} as contracts
    on orders.contract_id = contracts.contract_id
where
    orders.scheduled_read_date between {{ date_literal(var('start_day')) }} and {{ date_literal(var('end_day')) }}
    and orders.contract_id is not null
    and orders.period_start_date <= orders.scheduled_read_date
group by orders.contract_id, orders.period_start_date, orders.scheduled_read_date, contracts.nmi
