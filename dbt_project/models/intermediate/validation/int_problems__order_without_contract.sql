-- Meter reading orders that name a contract the retailer database does not have, until their reading is confirmed.
with found as (
    select
        orders.contract_id,
        orders.meter_reading_order_id,
        orders.device_id,
        orders.register_id,
        orders.period_start_date as first_market_date,
        orders.scheduled_read_date as last_market_date,
        {{ filed_under('orders.scheduled_read_date') }} as billing_day
    from {{ ref('stg_retailer__meter_reading_orders') }} as orders
    left join {{ ref('stg_retailer__contracts') }} as contracts
        on orders.contract_id = contracts.contract_id
    where contracts.contract_id is null and orders.scheduled_read_date <= {{ date_literal(var('end_day')) }}
)

select
    {{- contract_problem_columns('ORDER_WITHOUT_CONTRACT', 'meter_reading_order_id', concat_text([
        "'order '", "meter_reading_order_id", "' (device '", "device_id", "', register '", "register_id",
        "') of '", text_of('last_market_date', 10), "' names contract '", "coalesce(contract_id, 'none')",
        "', which is not in the retailer database'",
    ]), "cast(null as " ~ text_type(20) ~ ")") }}
from found
