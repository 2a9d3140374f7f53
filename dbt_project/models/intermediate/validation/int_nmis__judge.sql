-- One row per NMI whose reads this run judges, with the days it judges them over: what its deliveries touched, and the
-- bill periods it works. A problem that lies within and is not found any more is settled.
with spans as (
    select
        records.nmi,
        {{ smallest_of(['records.previous_read_date', 'records.current_read_date']) }} as first_date,
        {{ largest_of(['records.previous_read_date', 'records.current_read_date']) }} as last_date
    from {{ ref('int_accumulation_records__current') }} as records
    inner join {{ ref('int_meter_files__touched') }} as touched
        on
            records.billing_day = touched.billing_day
            and records.source = touched.source
            and records.file_name = touched.file_name
),

wanted as (
    select
        nmi,
        min(market_date) as first_date,
        max(market_date) as last_date,
        cast(null as date) as due_billing_day
    from {{ ref('int_channel_days__touched') }}
    group by nmi
    union all
    select
        nmi,
        min(first_date) as first_date,
        max(last_date) as last_date,
        cast(null as date) as due_billing_day
    from spans
    group by nmi
    union all
    select
        nmi,
        min(period_start_date) as first_date,
        max(period_end_date) as last_date,
        max(billing_day) as due_billing_day
    from {{ ref('int_bill_periods__due') }}
    where nmi is not null
    group by nmi
)

select
    nmi,
    min(first_date) as first_date,
    max(last_date) as last_date,
    max(due_billing_day) as due_billing_day
from wanted
group by nmi
