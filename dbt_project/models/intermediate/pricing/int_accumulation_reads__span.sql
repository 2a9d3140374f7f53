-- One row per register of a basic meter and pair of successive reads: the energy between them. first_date is the day after
-- the earlier read, last_date the day of the later one (a read stands for the end of its day). From the meter data
-- provider (NEM13) or from the retailer's own readings, where the order's previous reading stands in for a read that
-- nobody delivered. is_estimated and is_substituted tell how either end was read.
with retailer_reads as (
    select
        device_id,
        register_id,
        reading_date,
        meter_reading,
        case when reading_type = 'ESTIMATE' then 1 else 0 end as is_estimated,
        case reading_type when 'ACTUAL' then 1 when 'CUSTOMER' then 2 else 3 end as preference,
        read_at
    from {{ ref('stg_retailer__meter_readings') }}
    where reading_date <= {{ date_literal(var('end_day')) }} and meter_reading is not null
    union all
    select
        device_id,
        register_id,
        {{ add_days('period_start_date', -1) }} as reading_date,
        previous_reading as meter_reading,
        0 as is_estimated,
        4 as preference,
        cast(null as {{ instant_type() }}) as read_at
    from {{ ref('stg_retailer__meter_reading_orders') }}
    where previous_reading is not null
),

preferred as (
    select
        device_id,
        register_id,
        reading_date,
        meter_reading,
        is_estimated,
        preference,
        row_number() over (
            partition by device_id, register_id, reading_date order by preference, read_at desc, meter_reading
        ) as choice
    from retailer_reads
),

successive as (
    select
        device_id,
        register_id,
        reading_date,
        meter_reading,
        is_estimated,
        preference,
        lag(reading_date) over (partition by device_id, register_id order by reading_date) as previous_date,
        lag(meter_reading) over (partition by device_id, register_id order by reading_date) as previous_reading
    from preferred
    where choice = 1
),

advances as (
    select
        devices.nmi,
        registers.nmi_suffix,
        registers.usage_type,
        registers.time_band,
        successive.device_id,
        successive.register_id,
        successive.previous_date,
        successive.reading_date,
        successive.is_estimated,
        successive.meter_reading - successive.previous_reading
        -- A register that was in the upper half and now shows less has gone through its zero.
        + case
            when
                successive.meter_reading < successive.previous_reading
                and 2 * successive.previous_reading >= {{ register_turn('registers.integer_places') }}
                then {{ register_turn('registers.integer_places') }}
            else 0
        end as advance,
        registers.multiplier
    from successive
    inner join {{ ref('stg_retailer__registers') }} as registers
        on successive.device_id = registers.device_id and successive.register_id = registers.register_id
    inner join {{ ref('stg_retailer__devices') }} as devices
        on successive.device_id = devices.device_id
    where
        successive.previous_date is not null
        and successive.preference < 4
        and registers.usage_type in ('GENERAL', 'CONTROLLED_LOAD', 'GENERATION')
)

select
    nmi,
    nmi_suffix,
    {{ concat_text(["device_id", "'/'", "register_id"]) }} as register_key,
    usage_type,
    time_band,
    2 as source_rank,
    {{ add_days('previous_date', 1) }} as first_date,
    reading_date as last_date,
    cast(advance * multiplier as {{ kwh_type() }}) as energy_kwh,
    is_estimated,
    0 as is_substituted,
    cast(null as {{ instant_type() }}) as read_version_at,
    'RETAILER' as source,
    cast(null as date) as delivery_billing_day,
    cast(null as {{ text_type(400) }}) as file_name,
    cast(null as integer) as line_number,
    cast(null as {{ text_type(64) }}) as content_hash
from advances
union all
select
    records.nmi,
    records.nmi_suffix,
    coalesce(records.register_id, '') as register_key,
    coalesce(registers.usage_type, case records.direction_indicator when 'I' then 'GENERATION' else 'GENERAL' end)
        as usage_type,
    coalesce(registers.time_band, 'ALL') as time_band,
    1 as source_rank,
    case
        when records.previous_read_date < records.current_read_date then {{ add_days('records.previous_read_date', 1) }}
        else records.current_read_date
    end as first_date,
    records.current_read_date as last_date,
    records.energy_kwh,
    case when records.current_quality_flag = 'E' or records.previous_quality_flag = 'E' then 1 else 0 end as is_estimated,
    case when records.current_quality_flag in ('S', 'F') or records.previous_quality_flag in ('S', 'F') then 1 else 0 end
        as is_substituted,
    records.read_version_at,
    records.source,
    records.billing_day as delivery_billing_day,
    records.file_name,
    records.line_number,
    records.content_hash
from {{ ref('int_accumulation_records__current') }} as records
left join (
    select
        devices.nmi,
        registers.nmi_suffix,
        min(registers.usage_type) as usage_type,
        min(registers.time_band) as time_band
    from {{ ref('stg_retailer__registers') }} as registers
    inner join {{ ref('stg_retailer__devices') }} as devices
        on registers.device_id = devices.device_id
    where registers.usage_type in ('GENERAL', 'CONTROLLED_LOAD', 'GENERATION')
    group by devices.nmi, registers.nmi_suffix
    having count(distinct registers.time_band) = 1
) as registers
    on records.nmi = registers.nmi and records.nmi_suffix = registers.nmi_suffix
where records.is_conflicting = 0
