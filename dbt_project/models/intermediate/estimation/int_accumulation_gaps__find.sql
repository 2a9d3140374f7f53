{{ config(tags=['rating']) }}
-- One row per due bill, channel of a basic meter and market day that lies between no two reads: the read that closes the bill
-- did not come, or one before it. A first day on which the first read was taken is no gap: its energy is what that read ends
-- with. Two contents for one pair of reads are a conflict, no gap, and a site that sent any interval data in the period is
-- read by intervals.
select distinct
    due.contract_id,
    due.nmi,
    registers.nmi_suffix,
    calendar.market_date,
    due.billing_day
from {{ ref('int_bill_periods__due') }} as due
inner join {{ ref('int_registers__configured') }} as registers
    on due.nmi = registers.nmi
inner join {{ ref('int_channels__use') }} as uses
    on registers.nmi = uses.nmi and registers.nmi_suffix = uses.nmi_suffix
inner join {{ ref('stg_retailer__service_points') }} as points
    on due.nmi = points.nmi
inner join {{ ref('int_period_days__list') }} as calendar
    on
        calendar.market_date between due.period_start_date and due.period_end_date
        and calendar.market_date between registers.first_date and registers.last_date
where
    (substring(registers.nmi_suffix, 1, 1) not in ('B', 'E') or points.delivery = 'READING')
    and not exists (
        select 1
        from {{ ref('int_accumulation_reads__span') }} as spans
        where
            spans.nmi = due.nmi
            and spans.nmi_suffix = registers.nmi_suffix
            and (
                calendar.market_date between spans.first_date and spans.last_date
                or (
                    calendar.market_date = due.period_start_date
                    and spans.first_date = {{ add_days('due.period_start_date', '1') }}
                )
            )
    )
    and not exists (
        select 1
        from {{ ref('int_accumulation_records__current') }} as torn
        where
            torn.nmi = due.nmi
            and torn.nmi_suffix = registers.nmi_suffix
            and torn.is_conflicting = 1
            and calendar.market_date between torn.previous_read_date and torn.current_read_date
    )
    and not exists (
        select 1
        from {{ ref('int_channel_days__current') }} as channel_days
        where
            channel_days.nmi = due.nmi
            and channel_days.market_date between due.period_start_date and due.period_end_date
    )
