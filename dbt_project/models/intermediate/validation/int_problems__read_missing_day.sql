-- Days of a worked bill period without data for a channel that has a register, when other days of the NMI came.
-- A period without any data is ORDER_WITHOUT_DATA; registers of other than interval channels (E, B) are read by people.
with periods as (
    select
        due.contract_id,
        due.nmi,
        due.period_start_date,
        due.period_end_date,
        due.billing_day
    from {{ ref('int_bill_periods__due') }} as due
    where
        exists (
            select 1
            from {{ ref('int_channel_days__judge') }} as days
            where days.nmi = due.nmi and days.market_date between due.period_start_date and due.period_end_date
        )
),

expected as (
    select
        periods.contract_id,
        periods.nmi,
        registers.nmi_suffix,
        calendar.market_date,
        periods.billing_day
    from periods
    inner join {{ ref('int_registers__configured') }} as registers
        on periods.nmi = registers.nmi
    inner join {{ ref('int_period_days__list') }} as calendar
        on
            calendar.market_date between periods.period_start_date and periods.period_end_date
            and calendar.market_date between registers.first_date and registers.last_date
    where substring(registers.nmi_suffix, 1, 1) in ('B', 'E')
),

found as (
    select
        expected.contract_id,
        expected.nmi,
        expected.nmi_suffix,
        expected.market_date,
        expected.billing_day
    from expected
    where not exists (
        select 1
        from {{ ref('int_channel_days__judge') }} as days
        where
            days.nmi = expected.nmi
            and days.nmi_suffix = expected.nmi_suffix
            and days.market_date = expected.market_date
    )
),

runs as (
    {{ runs_of_days('found', ['contract_id', 'nmi', 'nmi_suffix'], {'billing_day': filed_under('max(billing_day)')}) }}
)

select
    {{- channel_problem_columns('READ_MISSING_DAY', concat_text([
        "'channel '", "nmi_suffix", "' '", days_in_words(), "': no data, contract '", "contract_id",
        "' cannot close'",
    ]), 'contract_id') }}
from runs
