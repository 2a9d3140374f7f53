-- Worked bill periods for which no meter data at all came: no channel-day, no basic meter's record, no manual reading.
with found as (
    select
        due.contract_id,
        due.nmi,
        due.period_start_date as first_market_date,
        due.period_end_date as last_market_date,
        {{ filed_under('due.billing_day') }} as billing_day
    from {{ ref('int_bill_periods__due') }} as due
    where
        due.nmi is not null
        and not exists (
            select 1
            from {{ ref('int_channel_days__judge') }} as days
            where days.nmi = due.nmi and days.market_date between due.period_start_date and due.period_end_date
        )
        and not exists (
            select 1
            from {{ ref('int_accumulation_records__judge') }} as records
            where
                records.nmi = due.nmi
                and records.last_market_date >= due.period_start_date
                and records.first_market_date <= due.period_end_date
        )
        and not exists (
            select 1
            from {{ ref('stg_retailer__meter_readings') }} as readings
            inner join {{ ref('stg_retailer__devices') }} as devices
                on readings.device_id = devices.device_id
            where
                devices.nmi = due.nmi
                and readings.reading_date between due.period_start_date and due.period_end_date
        )
)

select
    {{- contract_problem_columns('ORDER_WITHOUT_DATA', 'contract_id', concat_text([
        "'no meter data from '", text_of('first_market_date', 10), "' to '", text_of('last_market_date', 10),
        "' for NMI '", "nmi", "', contract '", "contract_id", "' cannot close'",
    ])) }}
from found
