-- One row per pair of successive reads of a register that this run judges and that shows less than before: the provider's
-- records (NEM13) and the retailer's own readings. A register that goes through zero shows little less than a whole turn
-- less; is_rolled_over tells it from one that went backwards: what it counted then is at most half a turn. A register of
-- energy sent to the grid may run either way.
with provider_reads as (
    select
        nmi,
        nmi_suffix,
        register_id as register_key,
        first_market_date,
        last_market_date,
        previous_register_read as previous_read,
        current_register_read as current_read,
        turn_reading,
        billing_day
    from {{ ref('int_accumulation_records__judge') }}
    where
        current_register_read < previous_register_read
        and coalesce(direction_indicator, 'E') <> 'I'
        and nmi_suffix not like 'B%'
),

retailer_reads as (
    select
        devices.nmi,
        registers.nmi_suffix,
        readings.device_id,
        readings.register_id,
        readings.reading_date,
        readings.meter_reading,
        lag(readings.reading_date) over (
            partition by readings.device_id, readings.register_id
            order by readings.reading_date, readings.read_at
        ) as previous_date,
        lag(readings.meter_reading) over (
            partition by readings.device_id, readings.register_id
            order by readings.reading_date, readings.read_at
        ) as previous_reading,
        {{ register_turn('registers.integer_places') }} as turn_reading
    from {{ ref('stg_retailer__meter_readings') }} as readings
    inner join {{ ref('stg_retailer__registers') }} as registers
        on readings.device_id = registers.device_id and readings.register_id = registers.register_id
    inner join {{ ref('stg_retailer__devices') }} as devices
        on readings.device_id = devices.device_id
    where
        readings.reading_date <= {{ date_literal(var('end_day')) }}
        and readings.meter_reading is not null
        and registers.usage_type in ('GENERAL', 'CONTROLLED_LOAD')
),

reads as (
    select
        nmi,
        nmi_suffix,
        register_key,
        first_market_date,
        last_market_date,
        previous_read,
        current_read,
        turn_reading,
        billing_day
    from provider_reads
    union all
    select
        retailer_reads.nmi,
        retailer_reads.nmi_suffix,
        {{ concat_text(["retailer_reads.device_id", "'/'", "retailer_reads.register_id"]) }} as register_key,
        retailer_reads.previous_date as first_market_date,
        retailer_reads.reading_date as last_market_date,
        retailer_reads.previous_reading as previous_read,
        retailer_reads.meter_reading as current_read,
        retailer_reads.turn_reading,
        {{ filed_under('coalesce(judged.due_billing_day, retailer_reads.reading_date)') }} as billing_day
    from retailer_reads
    inner join {{ ref('int_nmis__judge') }} as judged
        on
            retailer_reads.nmi = judged.nmi
            and retailer_reads.reading_date >= judged.first_date
            and retailer_reads.previous_date <= judged.last_date
    where retailer_reads.meter_reading < retailer_reads.previous_reading
)

select
    nmi,
    nmi_suffix,
    register_key,
    first_market_date,
    last_market_date,
    previous_read,
    current_read,
    case when 2 * (current_read - previous_read + turn_reading) <= turn_reading then 1 else 0 end as is_rolled_over,
    billing_day
from reads
