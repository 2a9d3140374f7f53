-- One row per bill that the run has to work. DUE: its orders are scheduled in the run's window. OPEN: an earlier bill that
-- is not closed, because not all its readings are confirmed by SAP. REVISED: a closed bill that a delivery of the window may
-- have changed: revised_by says whether its READS, its PRICES (a new plan version) or the retailer's facts (CONTRACT: days,
-- plan, terms, registers, manual readings) are not those that it was worked with.
{%- set worked_facts = left_by_earlier_run('intermediate', 'int_bill_facts__worked') %}
{%- set worked_files = left_by_earlier_run('intermediate', 'int_meter_files__worked') %}
{%- set bill_reads = left_by_earlier_run('marts', 'fct_bill_read_versions') %}
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

order_states as (
    select
        orders.contract_id,
        orders.period_start_date,
        orders.scheduled_read_date as period_end_date,
        orders.meter_reading_order_id,
        max(case when ledger.state = 'CONFIRMED' then 1 else 0 end) as is_confirmed
    from {{ ref('stg_retailer__meter_reading_orders') }} as orders
    left join {{ ref('stg_operations__load_ledger') }} as ledger
        on orders.meter_reading_order_id = ledger.meter_reading_order_id
    where orders.scheduled_read_date < {{ date_literal(var('start_day')) }}
    group by
        orders.contract_id, orders.period_start_date, orders.scheduled_read_date, orders.meter_reading_order_id
),

closed as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        min(is_confirmed) as is_closed
    from order_states
    group by contract_id, period_start_date, period_end_date
),

nmi_days as (
    select distinct
        nmi,
        market_date as first_date,
        market_date as last_date
    from {{ ref('int_channel_days__touched') }}
    union
    select
        records.nmi,
        case
            when records.previous_read_date < records.current_read_date
                then {{ add_days('records.previous_read_date', 1) }}
            else records.current_read_date
        end as first_date,
        records.current_read_date as last_date
    from {{ ref('stg_meter_data__accumulation_records') }} as records
    inner join {{ ref('int_meter_files__touched') }} as files
        on
            records.billing_day = files.billing_day
            and records.source = files.source
            and records.file_name = files.file_name
),

{% if worked_files and bill_reads -%}
-- Deliveries that were worked before: a basic meter's read that they held then may be gone, as that of a withdrawn edit is
-- (int_channel_days__touched knows of interval data).
known_files as (
    select
        files.billing_day,
        files.source,
        files.file_name
    from {{ ref('int_meter_files__touched') }} as files
    inner join {{ worked_files }} as worked
        on
            files.billing_day = worked.billing_day
            and files.source = worked.source
            and files.file_name = worked.file_name
),

{% endif -%}
revised_by_reads as (
    {%- if worked_files and bill_reads %}
    select
        reads.contract_id,
        reads.period_start_date,
        reads.period_end_date
    from {{ bill_reads }} as reads
    inner join known_files
        on
            reads.delivery_billing_day = known_files.billing_day
            and reads.source = known_files.source
            and reads.file_name = known_files.file_name
    where
        reads.register_key <> ''
        and not exists (
            select 1
            from {{ ref('stg_meter_data__accumulation_records') }} as records
            where
                records.billing_day = reads.delivery_billing_day
                and records.source = reads.source
                and records.file_name = reads.file_name
                and records.line_number = reads.line_number
        )
    union
    {%- endif %}
    select distinct
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date
    from bills
    inner join {{ ref('stg_retailer__contracts') }} as contracts
        on bills.contract_id = contracts.contract_id
    inner join nmi_days
        on
            contracts.nmi = nmi_days.nmi
            and bills.period_start_date <= nmi_days.last_date
            and bills.period_end_date >= nmi_days.first_date
),

revised_by_prices as (
    select distinct
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date
    from bills
    inner join {{ ref('int_contract_plans__assign') }} as plans
        on
            bills.contract_id = plans.contract_id
            and bills.period_end_date >= plans.first_date
            and bills.period_start_date <= plans.last_date
    inner join {{ ref('int_plan_versions__in_force') }} as versions
        on
            plans.plan_id = versions.plan_id
            and bills.period_end_date >= versions.first_date
            and bills.period_start_date <= versions.last_date
    where
        versions.first_seen_billing_day
        between {{ date_literal(var('start_day')) }} and {{ date_literal(var('end_day')) }}
),

revised_by_facts as (
    select
        facts.contract_id,
        facts.period_start_date,
        facts.period_end_date
    from {{ ref('int_bill_facts__hash') }} as facts
    {%- if worked_facts %}
    inner join {{ worked_facts }} as worked
        on
            facts.contract_id = worked.contract_id
            and facts.period_start_date = worked.period_start_date
            and facts.period_end_date = worked.period_end_date
    where facts.facts_hash <> worked.facts_hash
    {%- else %}
    where 1 = 0
    {%- endif %}
),

chosen as (
    select
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date,
        case
            when bills.period_end_date >= {{ date_literal(var('start_day')) }} then 'DUE'
            when closed.is_closed = 0 then 'OPEN'
            when
                revised_by_reads.contract_id is not null
                or revised_by_prices.contract_id is not null
                or revised_by_facts.contract_id is not null
                then 'REVISED'
        end as work_reason,
        case
            when revised_by_reads.contract_id is not null then 'READS'
            when revised_by_prices.contract_id is not null then 'PRICES'
            when revised_by_facts.contract_id is not null then 'CONTRACT'
        end as revised_by
    from bills
    left join closed
        on
            bills.contract_id = closed.contract_id
            and bills.period_start_date = closed.period_start_date
            and bills.period_end_date = closed.period_end_date
    left join revised_by_reads
        on
            bills.contract_id = revised_by_reads.contract_id
            and bills.period_start_date = revised_by_reads.period_start_date
            and bills.period_end_date = revised_by_reads.period_end_date
    left join revised_by_prices
        on
            bills.contract_id = revised_by_prices.contract_id
            and bills.period_start_date = revised_by_prices.period_start_date
            and bills.period_end_date = revised_by_prices.period_end_date
    left join revised_by_facts
        on
            bills.contract_id = revised_by_facts.contract_id
            and bills.period_start_date = revised_by_facts.period_start_date
            and bills.period_end_date = revised_by_facts.period_end_date
)

select
    chosen.contract_id,
    chosen.period_start_date,
    chosen.period_end_date,
    chosen.period_end_date as billing_day,
    {{ days_between('chosen.period_start_date', 'chosen.period_end_date') }} + 1 as day_count,
    contracts.contract_account_id,
    accounts.customer_id,
    customers.customer_type,
    coalesce(customers.is_gst_registered, 0) as is_gst_registered,
    contracts.nmi,
    service_points.jurisdiction,
    chosen.work_reason,
    chosen.revised_by
from chosen
left join {{ ref('stg_retailer__contracts') }} as contracts
    on chosen.contract_id = contracts.contract_id
left join {{ ref('stg_retailer__contract_accounts') }} as accounts
    on contracts.contract_account_id = accounts.contract_account_id
left join {{ ref('stg_retailer__customers') }} as customers
    on accounts.customer_id = customers.customer_id
left join {{ ref('stg_retailer__service_points') }} as service_points
    on contracts.nmi = service_points.nmi
where chosen.work_reason is not null
