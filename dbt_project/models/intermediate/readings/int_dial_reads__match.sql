{{ config(tags=['billing']) }}
-- One row per due order whose register was read by hand on the very day: what the dial showed and how it was read. The
-- retailer's own reading goes before the meter data provider's (NEM13), of which the current version counts; that one
-- knows channels, not registers, so it is no dial for a register that counts only a time band.
with retailer_reads as (
    select
        orders.meter_reading_order_id,
        readings.meter_reading as dial_reading,
        readings.reading_type as quality_code,
        1 as preference,
        readings.read_at as known_at
    from {{ ref('int_register_orders__due') }} as orders
    inner join {{ ref('stg_retailer__meter_readings') }} as readings
        on
            orders.device_id = readings.device_id
            and orders.register_id = readings.register_id
            and orders.reading_date = readings.reading_date
    where orders.usage_type <> 'DEMAND'
),

provider_reads as (
    select
        orders.meter_reading_order_id,
        case when orders.time_band = 'ALL' then records.current_register_read end as dial_reading,
        records.current_quality_flag as quality_code,
        2 as preference,
        records.read_version_at as known_at
    from {{ ref('int_register_orders__due') }} as orders
    inner join {{ ref('int_accumulation_records__current') }} as records
        on
            orders.nmi = records.nmi
            and orders.nmi_suffix = records.nmi_suffix
            and orders.reading_date = records.current_read_date
    where orders.usage_type <> 'DEMAND' and records.is_conflicting = 0
),

reads as (
    select
        meter_reading_order_id,
        dial_reading,
        quality_code,
        preference,
        known_at
    from retailer_reads
    union all
    select
        meter_reading_order_id,
        dial_reading,
        quality_code,
        preference,
        known_at
    from provider_reads
),

ranked as (
    select
        meter_reading_order_id,
        dial_reading,
        quality_code,
        row_number() over (
            partition by meter_reading_order_id
            order by preference asc, known_at desc, dial_reading asc
        ) as choice
    from reads
)

select
    meter_reading_order_id,
    cast(dial_reading as {{ reading_type() }}) as dial_reading,
    quality_code
from ranked
where choice = 1
