-- Use at a site that the retailer database marks as vacant, or on days without a contract before or between contracts. The
-- days after the last contract have a rule of their own.
with found as (
    select
        days.nmi,
        days.nmi_suffix,
        days.market_date,
        days.usage_kwh,
        days.billing_day
    from {{ ref('int_channel_days__judge') }} as days
    {{ judged_by('VACANT_USE', ['MINIMUM_KWH']) }}
    where
        days.nmi_suffix like 'E%'
        and days.site_state = 'VACANT'
        and days.usage_kwh > parameters.minimum_kwh
        and days.is_conflicting = 0
),

runs as (
    {{ runs_of_days('found', ['nmi', 'nmi_suffix'], {
        'usage_kwh': 'cast(sum(usage_kwh) as ' ~ kwh_type() ~ ')',
        'billing_day': 'max(billing_day)',
    }) }}
)

select
    {{- channel_problem_columns('VACANT_USE', concat_text([
        "'channel '", "nmi_suffix", "' '", days_in_words(), "': '", three_decimals('usage_kwh'),
        "' kWh at a vacant site'",
    ])) }}
from runs
