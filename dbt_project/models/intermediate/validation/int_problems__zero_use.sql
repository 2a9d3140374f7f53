-- Runs of days on which a contract's site used nothing at all: nobody is there, the meter stands still, or its main switch
-- is off. Shorter runs, vacant sites and controlled loads pass.
with found as (
    select
        days.nmi,
        days.nmi_suffix,
        days.market_date,
        parameters.minimum_days,
        days.billing_day
    from {{ ref('int_channel_days__judge') }} as days
    {{ judged_by('ZERO_USE', ['MINIMUM_DAYS']) }}
    where
        days.nmi_suffix like 'E%'
        and days.section <> 'CONTROLLED_LOAD'
        and days.site_state = 'HELD'
        and days.usage_kwh = 0
        and days.missing_interval_count = 0
        and days.is_conflicting = 0
),

runs as (
    {{ runs_of_days('found', ['nmi', 'nmi_suffix'], {
        'minimum_days': 'max(minimum_days)',
        'billing_day': 'max(billing_day)',
    }) }}
)

select
    {{- channel_problem_columns('ZERO_USE', concat_text([
        "'channel '", "nmi_suffix", "' '", days_in_words(), "': nothing was used'",
    ])) }}
from runs
where day_count >= minimum_days
