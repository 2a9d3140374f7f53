{{ config(tags=['rating']) }}
-- One row per bill that has orders up to the run: a hash over what the retailer's database says that decides its price. The
-- contract's days, its customer's tax, its plans and terms, its registers and manual readings with the reading that its orders
-- begin from, each clipped to the bill's period: a correction of one of them changes the hash of exactly the bills that it reaches.
with bills as (
    select
        contract_id,
        period_start_date,
        scheduled_read_date as period_end_date
    from {{ ref('stg_retailer__meter_reading_orders') }}
    where
        contract_id is not null
        and period_start_date <= scheduled_read_date
        and scheduled_read_date <= {{ date_literal(var('end_day')) }}
    group by contract_id, period_start_date, scheduled_read_date
),

plans as (
    select
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date,
        {{ join_text(
            concat_text([
                "plans.plan_id", "'|'",
                text_of("case when plans.first_date > bills.period_start_date then plans.first_date end", 10), "'|'",
                text_of("case when plans.last_date < bills.period_end_date then plans.last_date end", 10), "'|'",
                text_of("plans.is_ambiguous", 1),
            ]), ';', 'plans.first_date, plans.plan_id'
        ) }} as plans_text
    from bills
    inner join {{ ref('int_contract_plans__assign') }} as plans
        on
            bills.contract_id = plans.contract_id
            and bills.period_end_date >= plans.first_date
            and bills.period_start_date <= plans.last_date
    group by bills.contract_id, bills.period_start_date, bills.period_end_date
),

terms as (
    select
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date,
        {{ join_text(
            concat_text([
                "terms.term", "'|'", "terms.term_value", "'|'",
                text_of("case when terms.start_date > bills.period_start_date then terms.start_date end", 10), "'|'",
                text_of("case when terms.end_date < bills.period_end_date then terms.end_date end", 10),
            ]), ';', 'terms.term, terms.term_value, terms.start_date'
        ) }} as terms_text
    from bills
    inner join {{ ref('stg_retailer__contract_terms') }} as terms
        on
            bills.contract_id = terms.contract_id
            and bills.period_end_date >= coalesce(terms.start_date, bills.period_end_date)
            and bills.period_start_date <= coalesce(terms.end_date, bills.period_start_date)
    group by bills.contract_id, bills.period_start_date, bills.period_end_date
),

registers as (
    select
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date,
        {{ join_text(
            concat_text([
                "registers.device_id", "'|'", "registers.register_id", "'|'", "registers.nmi_suffix", "'|'",
                "registers.usage_type", "'|'", "registers.time_band", "'|'", text_of(rounded('registers.multiplier', 18, 6)), "'|'",
                text_of("registers.integer_places", 6), "'|'", text_of("registers.decimal_places", 6),
            ]), ';', 'registers.device_id, registers.register_id'
        ) }} as registers_text
    from bills
    inner join {{ ref('stg_retailer__contracts') }} as contracts
        on bills.contract_id = contracts.contract_id
    inner join {{ ref('stg_retailer__devices') }} as devices
        on
            contracts.nmi = devices.nmi
            and bills.period_end_date >= coalesce(devices.installed_date, bills.period_end_date)
            and bills.period_start_date <= coalesce(devices.removed_date, bills.period_start_date)
    inner join {{ ref('stg_retailer__registers') }} as registers
        on devices.device_id = registers.device_id
    group by bills.contract_id, bills.period_start_date, bills.period_end_date
),

followed_readings as (
    select
        device_id,
        register_id,
        reading_date,
        meter_reading,
        reading_type,
        lag(reading_date) over (partition by device_id, register_id order by reading_date) as previous_date,
        lead(reading_date) over (partition by device_id, register_id order by reading_date) as next_date
    from {{ ref('stg_retailer__meter_readings') }}
),

-- The readings in a bill's period, and where none stands at one of its ends, the one beyond that its energy is counted from
-- or to.
manual_readings as (
    select
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date,
        {{ join_text(
            concat_text([
                "readings.device_id", "'|'", "readings.register_id", "'|'", text_of("readings.reading_date", 10), "'|'",
                text_of(rounded('readings.meter_reading', 24, 14)), "'|'", "readings.reading_type",
            ]), ';', 'readings.reading_date, readings.device_id, readings.register_id, readings.meter_reading, readings.reading_type'
        ) }} as readings_text
    from bills
    inner join {{ ref('stg_retailer__contracts') }} as contracts
        on bills.contract_id = contracts.contract_id
    inner join {{ ref('stg_retailer__devices') }} as devices
        on contracts.nmi = devices.nmi
    inner join followed_readings as readings
        on
            devices.device_id = readings.device_id
            and (
                readings.reading_date
                between {{ add_days('bills.period_start_date', -1) }} and bills.period_end_date
                or (
                    readings.reading_date < {{ add_days('bills.period_start_date', -1) }}
                    and readings.next_date > {{ add_days('bills.period_start_date', -1) }}
                )
                or (
                    readings.reading_date > bills.period_end_date
                    and readings.previous_date < bills.period_end_date
                )
            )
    group by bills.contract_id, bills.period_start_date, bills.period_end_date
),

-- Where a meter is read by hand, the order's own previous reading stands in for a first reading that nobody delivered. An
-- interval meter's says nothing about its bill.
previous_readings as (
    select
        orders.contract_id,
        orders.period_start_date,
        orders.scheduled_read_date as period_end_date,
        {{ join_text(
            concat_text(["orders.device_id", "'|'", "orders.register_id", "'|'", text_of(rounded("orders.previous_reading", 24, 14))]),
            ';', 'orders.device_id, orders.register_id, orders.previous_reading'
        ) }} as readings_text
    from {{ ref('stg_retailer__meter_reading_orders') }} as orders
    inner join manual_readings
        on
            orders.contract_id = manual_readings.contract_id
            and orders.period_start_date = manual_readings.period_start_date
            and orders.scheduled_read_date = manual_readings.period_end_date
    where orders.previous_reading is not null
    group by orders.contract_id, orders.period_start_date, orders.scheduled_read_date
)

select
    bills.contract_id,
    bills.period_start_date,
    bills.period_end_date,
    {{ text_hash(concat_text([
        "contracts.nmi", "'|'",
        text_of("case when contracts.start_date > bills.period_start_date then contracts.start_date end", 10), "'|'",
        text_of("case when contracts.end_date < bills.period_end_date then contracts.end_date end", 10), "'|'",
        "customers.customer_type", "'|'", text_of("customers.is_gst_registered", 1), "'|'",
        "service_points.jurisdiction", "'|'", "plans.plans_text", "'|'", "terms.terms_text", "'|'",
        "registers.registers_text", "'|'", "manual_readings.readings_text",
        "case when previous_readings.contract_id is null then '' else '|' end", "previous_readings.readings_text",
    ])) }} as facts_hash
from bills
left join {{ ref('stg_retailer__contracts') }} as contracts
    on bills.contract_id = contracts.contract_id
left join {{ ref('stg_retailer__contract_accounts') }} as accounts
    on contracts.contract_account_id = accounts.contract_account_id
left join {{ ref('stg_retailer__customers') }} as customers
    on accounts.customer_id = customers.customer_id
left join {{ ref('stg_retailer__service_points') }} as service_points
    on contracts.nmi = service_points.nmi
left join plans
    on
        bills.contract_id = plans.contract_id
        and bills.period_start_date = plans.period_start_date
        and bills.period_end_date = plans.period_end_date
left join terms
    on
        bills.contract_id = terms.contract_id
        and bills.period_start_date = terms.period_start_date
        and bills.period_end_date = terms.period_end_date
left join registers
    on
        bills.contract_id = registers.contract_id
        and bills.period_start_date = registers.period_start_date
        and bills.period_end_date = registers.period_end_date
left join manual_readings
    on
        bills.contract_id = manual_readings.contract_id
        and bills.period_start_date = manual_readings.period_start_date
        and bills.period_end_date = manual_readings.period_end_date
left join previous_readings
    on
        bills.contract_id = previous_readings.contract_id
        and bills.period_start_date = previous_readings.period_start_date
        and bills.period_end_date = previous_readings.period_end_date
