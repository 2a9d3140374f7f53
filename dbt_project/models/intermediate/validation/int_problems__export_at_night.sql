-- Energy sent to the grid in the dark: a battery, a meter wired the wrong way round, or channels that were swapped.
with found as (
    select
        nmi,
        nmi_suffix,
        market_date,
        off_hours_kwh,
        billing_day
    from {{ ref('int_channel_days__off_hours') }}
    where rule_code = 'EXPORT_AT_NIGHT'
),

runs as (
    {{ runs_of_days('found', ['nmi', 'nmi_suffix'], {
        'night_kwh': 'cast(sum(off_hours_kwh) as ' ~ kwh_type() ~ ')',
        'billing_day': 'max(billing_day)',
    }) }}
)

select
    {{- channel_problem_columns('EXPORT_AT_NIGHT', concat_text([
        "'channel '", "nmi_suffix", "' '", days_in_words(), "': '", three_decimals('night_kwh'),
        "' kWh sent to the grid in the dark'",
    ])) }}
from runs
