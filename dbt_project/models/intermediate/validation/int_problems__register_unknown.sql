-- Meter reading orders of worked bill periods for a register that the retailer database does not have.
with found as (
    select
        orders.contract_id,
        due.nmi,
        orders.meter_reading_order_id,
        orders.device_id,
        orders.register_id,
        due.period_start_date as first_market_date,
        due.period_end_date as last_market_date,
        {{ filed_under('due.billing_day') }} as billing_day
    from {{ ref('stg_retailer__meter_reading_orders') }} as orders
    inner join {{ ref('int_bill_periods__due') }} as due
        on
            orders.contract_id = due.contract_id
            and orders.period_start_date = due.period_start_date
            and orders.scheduled_read_date = due.period_end_date
    left join {{ ref('stg_retailer__registers') }} as registers
        on orders.device_id = registers.device_id and orders.register_id = registers.register_id
    where registers.register_id is null
)

select
    {{- contract_problem_columns('REGISTER_UNKNOWN', 'meter_reading_order_id', concat_text([
        "'order '", "meter_reading_order_id", "' of contract '", "contract_id", "' asks for register '",
        "register_id", "' of device '", "device_id", "', which is not in the retailer database'",
    ])) }}
from found
