-- Controlled load that ran in the hours in which its network switches it off: a faulty time switch, or a circuit that does
-- not belong there. A channel that no register calls controlled load passes.
with controlled as (
    select
        days.nmi,
        days.nmi_suffix,
        days.market_date,
        days.usage_kwh,
        days.billing_day,
        parameters.share,
        parameters.minimum_kwh,
        parameters.first_hour,
        parameters.end_hour
    from {{ ref('int_channel_days__judge') }} as days
    {{ judged_by('LOAD_AT_WRONG_HOURS', ['FIRST_HOUR', 'END_HOUR', 'SHARE', 'MINIMUM_KWH']) }}
    where
        days.section = 'CONTROLLED_LOAD'
        and days.usage_kwh > parameters.minimum_kwh
        and days.is_conflicting = 0
),

measured as (
    select
        controlled.nmi,
        controlled.nmi_suffix,
        controlled.market_date,
        controlled.usage_kwh,
        controlled.billing_day,
        controlled.share,
        controlled.minimum_kwh,
        {{ energy_between('half_hours', 'controlled.first_hour', 'controlled.end_hour') }} as wrong_kwh
    from controlled
    inner join {{ ref('int_channel_days__current') }} as half_hours
        on
            controlled.nmi = half_hours.nmi
            and controlled.nmi_suffix = half_hours.nmi_suffix
            and controlled.market_date = half_hours.market_date
    where half_hours.market_date >= (select min(market_date) from controlled)
),

found as (
    select
        nmi,
        nmi_suffix,
        market_date,
        usage_kwh,
        wrong_kwh,
        billing_day
    from measured
    where wrong_kwh > minimum_kwh and wrong_kwh > usage_kwh * share
),

runs as (
    {{ runs_of_days('found', ['nmi', 'nmi_suffix'], {
        'usage_kwh': 'cast(sum(usage_kwh) as ' ~ kwh_type() ~ ')',
        'wrong_kwh': 'cast(sum(wrong_kwh) as ' ~ kwh_type() ~ ')',
        'billing_day': 'max(billing_day)',
    }) }}
)

select
    {{- channel_problem_columns('LOAD_AT_WRONG_HOURS', concat_text([
        "'channel '", "nmi_suffix", "' '", days_in_words(), "': '", three_decimals('wrong_kwh'), "' of '",
        three_decimals('usage_kwh'), "' kWh of controlled load in hours in which it is switched off'",
    ])) }}
from runs
