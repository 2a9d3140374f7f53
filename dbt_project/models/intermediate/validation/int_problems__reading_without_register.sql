-- Manual readings that name a register the retailer database does not have.
with found as (
    select
        readings.device_id,
        readings.register_id,
        devices.nmi,
        cast(null as {{ text_type(20) }}) as contract_id,
        readings.meter_reading,
        readings.reading_date as first_market_date,
        readings.reading_date as last_market_date,
        {{ filed_under('readings.reading_date') }} as billing_day
    from {{ ref('stg_retailer__meter_readings') }} as readings
    left join {{ ref('stg_retailer__registers') }} as registers
        on readings.device_id = registers.device_id and readings.register_id = registers.register_id
    left join {{ ref('stg_retailer__devices') }} as devices
        on readings.device_id = devices.device_id
    where registers.register_id is null and readings.reading_date <= {{ date_literal(var('end_day')) }}
)

select
    {{- contract_problem_columns('READING_WITHOUT_REGISTER', concat_text(["device_id", "'|'", "register_id"]), concat_text([
        "'reading '", three_decimals('meter_reading'), "' of '", text_of('first_market_date', 10), "' names register '",
        "register_id", "' of meter '", "device_id", "', which is not in the retailer database'",
    ])) }}
from found
