-- Meter reading orders whose period cannot be billed: it has no first day, ends before it begins, or reaches outside the
-- days of its contract. The first two make no bill at all, so nothing else would name them.
with orders as (
    select
        orders.meter_reading_order_id,
        orders.device_id,
        orders.register_id,
        orders.contract_id,
        contracts.nmi,
        orders.period_start_date,
        orders.scheduled_read_date,
        contracts.start_date,
        contracts.end_date
    from {{ ref('stg_retailer__meter_reading_orders') }} as orders
    inner join {{ ref('stg_retailer__contracts') }} as contracts
        on orders.contract_id = contracts.contract_id
    where orders.scheduled_read_date <= {{ date_literal(var('end_day')) }}
),

judged as (
    select
        meter_reading_order_id,
        device_id,
        register_id,
        contract_id,
        nmi,
        scheduled_read_date,
        case when period_start_date <= scheduled_read_date then period_start_date else scheduled_read_date end
            as first_market_date,
        scheduled_read_date as last_market_date,
        {{ filed_under('scheduled_read_date') }} as billing_day,
        case
            when period_start_date is null then 'has no first day of its period'
            when period_start_date > scheduled_read_date
                then {{ concat_text(["'begins its period on '", text_of('period_start_date', 10), "', after the read'"]) }}
            when period_start_date < start_date
                then {{ concat_text([
                    "'begins its period on '", text_of('period_start_date', 10), "', before the contract begins on '",
                    text_of('start_date', 10),
                ]) }}
            when scheduled_read_date > end_date
                then {{ concat_text(["'reads after the contract has ended on '", text_of('end_date', 10)]) }}
        end as trouble
    from orders
),

found as (
    select
        meter_reading_order_id,
        device_id,
        register_id,
        contract_id,
        nmi,
        first_market_date,
        last_market_date,
        billing_day,
        trouble
    from judged
    where trouble is not null
)

select
    {{- contract_problem_columns('ORDER_DATES_INVALID', 'meter_reading_order_id', concat_text([
        "'order '", "meter_reading_order_id", "' (device '", "device_id", "', register '", "register_id",
        "') of '", text_of('last_market_date', 10), "' for contract '", "contract_id", "' '", "trouble",
    ])) }}
from found
