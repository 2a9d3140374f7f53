-- Channels of a worked bill whose mean day is far from that of the same weeks a year before: a new appliance, people who
-- moved in or out, or a wrong multiplier. Looked at once per bill, and on whole weeks: a year of days is never read.
-- A channel without those weeks passes.
with periods as (
    select
        days.nmi,
        days.nmi_suffix,
        due.contract_id,
        due.period_start_date,
        due.period_end_date,
        min(days.meter_class) as meter_class,
        min(days.jurisdiction) as jurisdiction,
        max(days.billing_day) as billing_day,
        cast(count(*) as integer) as day_count,
        cast(sum(days.usage_kwh) as {{ kwh_type() }}) as usage_kwh
    from {{ ref('int_bill_periods__due') }} as due
    inner join {{ ref('int_channel_days__judge') }} as days
        on due.nmi = days.nmi and days.market_date between due.period_start_date and due.period_end_date
    where days.nmi_suffix like 'E%' and days.is_conflicting = 0
    group by days.nmi, days.nmi_suffix, due.contract_id, due.period_start_date, due.period_end_date
),

last_years as (
    select
        periods.nmi,
        periods.nmi_suffix,
        periods.contract_id,
        periods.period_start_date,
        periods.period_end_date,
        cast(sum(weeks.day_count) as integer) as day_count,
        cast(sum(weeks.usage_kwh) as {{ kwh_type() }}) as usage_kwh
    from periods
    inner join {{ ref('int_channel_weeks__sum') }} as weeks
        on
            periods.nmi = weeks.nmi
            and periods.nmi_suffix = weeks.nmi_suffix
            and weeks.week_number >= {{ week_number('periods.period_start_date') }} - 52
            and weeks.week_number <= {{ week_number('periods.period_end_date') }} - 52
    group by
        periods.nmi, periods.nmi_suffix, periods.contract_id, periods.period_start_date, periods.period_end_date
),

found as (
    select
        periods.nmi,
        periods.nmi_suffix,
        periods.contract_id,
        periods.period_start_date as first_market_date,
        periods.period_end_date as last_market_date,
        {{ divide('periods.usage_kwh', 'periods.day_count', 3) }} as daily_kwh,
        {{ divide('last_years.usage_kwh', 'last_years.day_count', 3) }} as last_year_daily_kwh,
        periods.billing_day
    from periods
    inner join last_years
        on
            periods.nmi = last_years.nmi
            and periods.nmi_suffix = last_years.nmi_suffix
            and periods.contract_id = last_years.contract_id
            and periods.period_start_date = last_years.period_start_date
            and periods.period_end_date = last_years.period_end_date
    {{ judged_by(
        'SEASON_HIGH_LOW', ['HIGH_FACTOR', 'LOW_FACTOR', 'MINIMUM_DAYS', 'MINIMUM_KWH'], 'periods', 'period_end_date'
    ) }}
    where
        last_years.day_count >= parameters.minimum_days
        and abs(periods.usage_kwh * last_years.day_count - last_years.usage_kwh * periods.day_count)
        >= parameters.minimum_kwh * periods.day_count * last_years.day_count
        and (
            periods.usage_kwh * last_years.day_count
            > last_years.usage_kwh * periods.day_count * parameters.high_factor
            or periods.usage_kwh * last_years.day_count
            < last_years.usage_kwh * periods.day_count * parameters.low_factor
        )
)

select
    {{- channel_problem_columns('SEASON_HIGH_LOW', concat_text([
        "'channel '", "nmi_suffix", "' from '", text_of('first_market_date', 10), "' to '",
        text_of('last_market_date', 10), "': '", three_decimals('daily_kwh'), "' kWh a day, '",
        three_decimals('last_year_daily_kwh'), "' in the same weeks a year before'",
    ]), 'contract_id') }}
from found
