-- Controlled load that ran in the hours in which its network switches it off: a faulty time switch, or a circuit that does
-- not belong there. A channel that no register calls controlled load passes.
with found as (
    select
        nmi,
        nmi_suffix,
        market_date,
        usage_kwh,
        off_hours_kwh,
        billing_day
    from {{ ref('int_channel_days__off_hours') }}
    where rule_code = 'LOAD_AT_WRONG_HOURS'
),

runs as (
    {{ runs_of_days('found', ['nmi', 'nmi_suffix'], {
        'usage_kwh': 'cast(sum(usage_kwh) as ' ~ kwh_type() ~ ')',
        'wrong_kwh': 'cast(sum(off_hours_kwh) as ' ~ kwh_type() ~ ')',
        'billing_day': 'max(billing_day)',
    }) }}
)

select
    {{- channel_problem_columns('LOAD_AT_WRONG_HOURS', concat_text([
        "'channel '", "nmi_suffix", "' '", days_in_words(), "': '", three_decimals('wrong_kwh'), "' of '",
        three_decimals('usage_kwh'), "' kWh of controlled load in hours in which it is switched off'",
    ])) }}
from runs
