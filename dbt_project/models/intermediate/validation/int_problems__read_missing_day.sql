-- Days of a worked bill period without data for a channel that has a register, when other days of the NMI came: interval days
-- that are not there, and days of a basic meter between no two reads. A period without any data is ORDER_WITHOUT_DATA.
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
    union all
    select
        gaps.contract_id,
        gaps.nmi,
        gaps.nmi_suffix,
        gaps.market_date,
        gaps.billing_day
    from {{ ref('int_accumulation_gaps__find') }} as gaps
    left join {{ ref('int_problems__order_without_data') }} as without_data
        on
            gaps.contract_id = without_data.contract_id
            and gaps.market_date between without_data.first_market_date and without_data.last_market_date
    where without_data.contract_id is null
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
