{{ config(tags=['settlement']) }}
-- One row per bill that has meter reading orders: how many of its readings SAP has confirmed, and by how much SAP's kWh may
-- differ through rounding. Each consumption register is rounded to its last place at both ends of the period, half a
-- step each, so the tolerance is the sum of multiplier x one step; beyond it something else is wrong.
select
    readings.contract_id,
    readings.period_start_date,
    readings.period_end_date,
    cast(count(*) as integer) as reading_count,
    cast(sum(case when readings.load_status = 'CONFIRMED' then 1 else 0 end) as integer) as confirmed_count,
    cast(sum(case when readings.load_status = 'HELD' then 1 else 0 end) as integer) as held_count,
    cast(sum(case when registers.usage_type in ('GENERAL', 'CONTROLLED_LOAD') then 1 else 0 end) as integer)
        as consumption_register_count,
    cast(sum(case
        when registers.usage_type in ('GENERAL', 'CONTROLLED_LOAD')
            then cast(registers.multiplier * {{ last_place('registers.decimal_places') }} as {{ kwh_type() }})
        else 0
    end) as {{ kwh_type() }}) as rounding_kwh
from {{ ref('fct_isu_meter_readings') }} as readings
left join {{ ref('stg_retailer__registers') }} as registers
    on readings.device_id = registers.device_id and readings.register_id = registers.register_id
group by
    readings.contract_id,
    readings.period_start_date,
    readings.period_end_date
