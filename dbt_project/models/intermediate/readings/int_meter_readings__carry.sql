{{ config(tags=['billing']) }}
-- One row per due order of a register that counts energy (all but DEMAND): the unrounded value the register stood at
-- before the period, so that rounding what SAP sees never drifts.
--
-- The order's previous_reading is what SAP has: rounded. Behind it stands an unrounded value, which we know when we
-- sent that reading ourselves (the ledger), or when the period before is billed in this same run (a backfill over
-- several periods of one register). It is taken only if it rounds to the order's previous_reading; otherwise SAP goes
-- on from something else (a clerk's correction, a reading of somebody else) and previous_reading itself is the start.
with counted as (
    select
        meter_reading_order_id,
        device_id,
        register_id,
        reading_date,
        previous_reading,
        integer_places,
        decimal_places,
        {{ ten_to_the('integer_places') }} as turn,
        {{ last_place('decimal_places') }} as step,
        cast({{ divide('usage_kwh', 'multiplier', 14) }} as {{ reading_type() }}) as advance
    from {{ ref('int_register_orders__due') }}
    where usage_type <> 'DEMAND'
),

sent_before as (
    select
        counted.meter_reading_order_id,
        ledger.unrounded_reading,
        row_number() over (
            partition by counted.meter_reading_order_id
            order by ledger.reading_date desc, ledger.updated_at desc, ledger.reading_key asc
        ) as recency
    from counted
    inner join {{ ref('stg_operations__load_ledger') }} as ledger
        on
            counted.device_id = ledger.device_id
            and counted.register_id = ledger.register_id
            and counted.reading_date > ledger.reading_date
    where ledger.state not in ('REJECTED', 'CANCELLED')
),

ledger_starts as (
    select
        counted.meter_reading_order_id,
        sent_before.unrounded_reading as ledger_start
    from counted
    inner join sent_before
        on counted.meter_reading_order_id = sent_before.meter_reading_order_id and sent_before.recency = 1
    where
        counted.previous_reading
        = {{ roll_over(round_half_up('sent_before.unrounded_reading', 'counted.decimal_places'), 'counted.integer_places') }}
),

neighbours as (
    select
        counted.meter_reading_order_id,
        counted.device_id,
        counted.register_id,
        counted.reading_date,
        counted.previous_reading,
        counted.integer_places,
        counted.decimal_places,
        counted.turn,
        counted.step,
        counted.advance,
        ledger_starts.ledger_start,
        lag(counted.previous_reading) over (
            partition by counted.device_id, counted.register_id
            order by counted.reading_date, counted.meter_reading_order_id
        )
        + lag(counted.advance) over (
            partition by counted.device_id, counted.register_id
            order by counted.reading_date, counted.meter_reading_order_id
        ) as expected_previous_reading
    from counted
    left join ledger_starts
        on counted.meter_reading_order_id = ledger_starts.meter_reading_order_id
),

-- A period goes on from the one before in this run when SAP's two readings are that period's advance apart, give or
-- take the rounding at both ends; across a roll-over the distance is a whole turn less.
links as (
    select
        meter_reading_order_id,
        case
            when
                abs({{ roll_over('expected_previous_reading', 'integer_places') }} - previous_reading) <= step
                or abs({{ roll_over('expected_previous_reading', 'integer_places') }} - previous_reading) >= turn - step
                then 0
            else 1
        end as is_chain_start
    from neighbours
),

chains as (
    select
        neighbours.meter_reading_order_id,
        neighbours.device_id,
        neighbours.register_id,
        neighbours.reading_date,
        neighbours.previous_reading,
        neighbours.integer_places,
        neighbours.decimal_places,
        neighbours.advance,
        neighbours.ledger_start,
        cast(sum(links.is_chain_start) over (
            partition by neighbours.device_id, neighbours.register_id
            order by neighbours.reading_date, neighbours.meter_reading_order_id
            rows between unbounded preceding and current row
        ) as integer) as chain_number
    from neighbours
    inner join links
        on neighbours.meter_reading_order_id = links.meter_reading_order_id
),

chain_values as (
    select
        meter_reading_order_id,
        previous_reading,
        integer_places,
        decimal_places,
        advance,
        ledger_start,
        first_value(coalesce(ledger_start, previous_reading)) over (
            partition by device_id, register_id, chain_number
            order by reading_date, meter_reading_order_id
            rows between unbounded preceding and current row
        )
        + cast(coalesce(sum(advance) over (
            partition by device_id, register_id, chain_number
            order by reading_date, meter_reading_order_id
            rows between unbounded preceding and 1 preceding
        ), 0) as {{ reading_type() }}) as chain_value
    from chains
),

shown as (
    select
        meter_reading_order_id,
        previous_reading,
        advance,
        ledger_start,
        {{ roll_over('chain_value', 'integer_places') }} as chain_start,
        {{ roll_over(round_half_up('chain_value', 'decimal_places'), 'integer_places') }} as chain_reading
    from chain_values
)

select
    meter_reading_order_id,
    advance,
    cast(case
        when ledger_start is not null then ledger_start
        when chain_reading = previous_reading then chain_start
        else previous_reading
    end as {{ reading_type() }}) as start_reading
from shown
