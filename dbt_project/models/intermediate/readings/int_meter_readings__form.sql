{{ config(tags=['billing']) }}
-- One row per due order: the reading as SAP is to get it, or why there is none yet.
--
-- A register that counts energy stands at its start plus usage / multiplier; what SAP gets is that value rounded half
-- up to the register's places, and what a register of so many digits shows of it (roll-over). A DEMAND register
-- shows the period's maximum kW / multiplier, since SAP multiplies what the register shows. A dial that was read by hand on the day
-- must show the same to within its last place; then the dial is what SAP gets, otherwise a person has to look.
with computed as (
    select
        orders.meter_reading_order_id,
        orders.decimal_places,
        orders.integer_places,
        case
            when orders.usage_type = 'DEMAND'
                then cast({{ divide('orders.max_demand_kw', 'orders.multiplier', 14) }} as {{ reading_type() }})
            else cast(carried.start_reading + carried.advance as {{ reading_type() }})
        end as full_reading
    from {{ ref('int_register_orders__due') }} as orders
    left join {{ ref('int_meter_readings__carry') }} as carried
        on orders.meter_reading_order_id = carried.meter_reading_order_id
),

shown as (
    select
        meter_reading_order_id,
        full_reading,
        {{ round_half_up('full_reading', 'decimal_places') }} as rounded_reading,
        {{ roll_over('full_reading', 'integer_places') }} as unrounded_reading,
        {{ roll_over(round_half_up('full_reading', 'decimal_places'), 'integer_places') }} as register_reading
    from computed
),

judged as (
    select
        orders.billing_day,
        orders.meter_reading_order_id,
        orders.contract_id,
        orders.nmi,
        orders.period_start_date,
        orders.period_end_date,
        orders.device_id,
        orders.register_id,
        orders.meter_reading_reason,
        orders.reading_date,
        orders.unit,
        orders.usage_type,
        orders.usage_kwh,
        shown.unrounded_reading,
        shown.register_reading,
        dials.dial_reading,
        categories.meter_reading_category,
        case
            when
                abs(shown.register_reading - dials.dial_reading) > {{ last_place('orders.decimal_places') }}
                and abs(shown.register_reading - dials.dial_reading)
                < {{ ten_to_the('orders.integer_places') }} - {{ last_place('orders.decimal_places') }}
                then 1
            else 0
        end as differs_from_dial,
        case
            when orders.usage_type is null then 'the register is not known'
            when orders.integer_places is null or orders.decimal_places is null or orders.multiplier <= 0
                then 'the register''s places or multiplier are not known'
            when orders.usage_type <> 'DEMAND' and orders.previous_reading is null
                then 'the order has no previous reading'
            when orders.usage_type <> 'DEMAND' and orders.usage_kwh is null
                then 'no usage is known for the register'
            when orders.usage_type = 'DEMAND' and orders.max_demand_kw is null
                then 'no demand is known for the register'
            when shown.register_reading is null
                then 'a register of these places is not supported (up to 9 whole digits, 8 decimals)'
            when orders.usage_type = 'DEMAND' and shown.rounded_reading <> shown.register_reading
                then 'the demand has more digits than the register'
            when categories.meter_reading_category is null
                then 'no category is mapped for the quality of the read (seed reading_categories)'
        end as missing_reason
    from {{ ref('int_register_orders__due') }} as orders
    left join shown
        on orders.meter_reading_order_id = shown.meter_reading_order_id
    left join {{ ref('int_dial_reads__match') }} as dials
        on orders.meter_reading_order_id = dials.meter_reading_order_id
    left join {{ ref('int_reading_categories__choose') }} as categories
        on orders.meter_reading_order_id = categories.meter_reading_order_id
),

-- SAP bills a contract when all its registers have a reading: one that cannot be formed keeps the others back too.
contract_troubles as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        max(coalesce(
            {{ concat_text(["'device '", "device_id", "' register '", "register_id", "': '", "missing_reason"]) }}, ''
        )) as trouble
    from judged
    where missing_reason is not null
    group by contract_id, period_start_date, period_end_date
),

dial_troubles as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        max({{ concat_text([
            "'device '", "device_id", "' register '", "register_id", "': the dial showed '", text_of(rounded('dial_reading', 18, 4)),
            "', previous reading plus usage is '", text_of(rounded('register_reading', 18, 4)),
        ]) }}) as trouble
    from judged
    where differs_from_dial = 1
    group by contract_id, period_start_date, period_end_date
)

select
    judged.billing_day,
    judged.meter_reading_order_id,
    judged.contract_id,
    judged.nmi,
    judged.period_start_date,
    judged.period_end_date,
    judged.device_id,
    judged.register_id,
    judged.meter_reading_reason,
    judged.reading_date,
    cast(case
        when judged.missing_reason is not null then null
        when judged.differs_from_dial = 0 then coalesce(judged.dial_reading, judged.register_reading)
        else judged.register_reading
    end as {{ reading_type() }}) as reading_result,
    cast(case when judged.missing_reason is null then judged.unrounded_reading end as {{ reading_type() }})
        as unrounded_reading,
    cast(case when judged.usage_type <> 'DEMAND' then judged.usage_kwh end as {{ kwh_type() }}) as usage_kwh,
    judged.meter_reading_category,
    judged.unit,
    judged.usage_type,
    case
        when bills.status = 'READY' and contract_troubles.trouble is null and dial_troubles.trouble is null then 0
        else 1
    end as is_held,
    {{ short_text("case
        when bills.status is null then 'there is no bill for the period'
        when bills.status <> 'READY'
            then " ~ concat_text(["'bill '", "bills.status", "': '", "bills.status_reason"]) ~ "
        else coalesce(contract_troubles.trouble, dial_troubles.trouble)
    end", 400) }} as hold_reason,
    case
        when bills.status = 'READY' and (contract_troubles.trouble is not null or dial_troubles.trouble is not null)
            then 1
        else 0
    end as is_unformed
from judged
left join {{ ref('fct_shadow_bills') }} as bills
    on
        judged.contract_id = bills.contract_id
        and judged.period_start_date = bills.period_start_date
        and judged.period_end_date = bills.period_end_date
left join contract_troubles
    on
        judged.contract_id = contract_troubles.contract_id
        and judged.period_start_date = contract_troubles.period_start_date
        and judged.period_end_date = contract_troubles.period_end_date
left join dial_troubles
    on
        judged.contract_id = dial_troubles.contract_id
        and judged.period_start_date = dial_troubles.period_start_date
        and judged.period_end_date = dial_troubles.period_end_date
