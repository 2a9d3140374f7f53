-- One row per basic meter's record that this run judges, with what is known of its site and register. turn_reading is the
-- reading at which the register goes through zero: by its places, else the next power of ten above the earlier read.
with registers as (
    select
        devices.nmi,
        registers.nmi_suffix,
        min(registers.multiplier) as multiplier,
        min(registers.integer_places) as integer_places
    from {{ ref('stg_retailer__registers') }} as registers
    inner join {{ ref('stg_retailer__devices') }} as devices
        on registers.device_id = devices.device_id
    where
        registers.usage_type <> 'DEMAND'
        and exists (
            select 1
            from {{ ref('int_accumulation_records__current') }} as records
            where records.nmi = devices.nmi
        )
    group by devices.nmi, registers.nmi_suffix
    having count(*) = 1
)

select
    records.nmi,
    records.nmi_suffix,
    records.register_id,
    records.previous_read_date as first_market_date,
    records.current_read_date as last_market_date,
    records.serial_number,
    records.direction_indicator,
    records.previous_register_read,
    records.current_register_read,
    records.source,
    records.previous_quality_method,
    records.previous_quality_flag,
    records.previous_reason_code,
    records.current_quality_method,
    records.current_quality_flag,
    records.current_reason_code,
    records.energy_kwh,
    records.unit,
    records.has_wrong_checksum,
    records.is_conflicting,
    coalesce(points.meter_type, 'UNKNOWN') as meter_class,
    coalesce(points.jurisdiction, 'UNKNOWN') as jurisdiction,
    points.connection_capability_kw,
    registers.multiplier,
    coalesce(
        {{ register_turn('registers.integer_places') }},
        case
            {%- for places in range(1, 13) %}
            when records.previous_register_read < {{ 10 ** places }} then {{ 10 ** places }}
            {%- endfor %}
        end
    ) as turn_reading,
    {{ filed_under('coalesce(judged.due_billing_day, records.billing_day)') }} as billing_day
from {{ ref('int_accumulation_records__current') }} as records
inner join {{ ref('int_nmis__judge') }} as judged
    on
        records.nmi = judged.nmi
        and {{ largest_of(['records.current_read_date', 'records.previous_read_date']) }} >= judged.first_date
        and {{ smallest_of(['records.previous_read_date', 'records.current_read_date']) }} <= judged.last_date
left join {{ ref('stg_retailer__service_points') }} as points
    on records.nmi = points.nmi
left join registers
    on records.nmi = registers.nmi and records.nmi_suffix = registers.nmi_suffix
