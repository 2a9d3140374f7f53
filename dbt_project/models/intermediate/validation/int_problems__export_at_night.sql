-- Energy sent to the grid in the dark: a battery, a meter wired the wrong way round, or channels that were swapped.
with exporting as (
    select
        days.nmi,
        days.nmi_suffix,
        days.market_date,
        days.billing_day,
        parameters.minimum_kwh,
        parameters.first_hour,
        parameters.end_hour
    from {{ ref('int_channel_days__judge') }} as days
    {{ judged_by('EXPORT_AT_NIGHT', ['FIRST_HOUR', 'END_HOUR', 'MINIMUM_KWH']) }}
    where
        days.nmi_suffix like 'B%'
        and days.usage_kwh > parameters.minimum_kwh
        and days.is_conflicting = 0
),

measured as (
    select
        exporting.nmi,
        exporting.nmi_suffix,
        exporting.market_date,
        exporting.billing_day,
        exporting.minimum_kwh,
        {{ energy_between('half_hours', 'exporting.first_hour', 'exporting.end_hour') }} as night_kwh
    from exporting
    inner join {{ ref('int_channel_days__current') }} as half_hours
        on
            exporting.nmi = half_hours.nmi
            and exporting.nmi_suffix = half_hours.nmi_suffix
            and exporting.market_date = half_hours.market_date
    where half_hours.market_date >= (select min(market_date) from exporting)
),

found as (
    select
        nmi,
        nmi_suffix,
        market_date,
        night_kwh,
        billing_day
    from measured
    where night_kwh > minimum_kwh
),

runs as (
    {{ runs_of_days('found', ['nmi', 'nmi_suffix'], {
        'night_kwh': 'cast(sum(night_kwh) as ' ~ kwh_type() ~ ')',
        'billing_day': 'max(billing_day)',
    }) }}
)

select
    {{- channel_problem_columns('EXPORT_AT_NIGHT', concat_text([
        "'channel '", "nmi_suffix", "' '", days_in_words(), "': '", three_decimals('night_kwh'),
        "' kWh sent to the grid in the dark'",
    ])) }}
from runs
