-- Energy that came for an NMI after its last contract had ended: somebody uses it and nobody is billed.
with found as (
    select
        days.nmi,
        days.nmi_suffix,
        days.market_date,
        days.usage_kwh,
        days.last_contract_date,
        days.billing_day
    from {{ ref('int_channel_days__judge') }} as days
    {{ judged_by('NMI_CLOSED', ['GRACE_DAYS']) }}
    where
        days.site_state = 'CLOSED'
        and days.usage_kwh > 0
        and {{ days_between('days.last_contract_date', 'days.market_date') }} > parameters.grace_days
),

runs as (
    {{ runs_of_days('found', ['nmi', 'nmi_suffix'], {
        'usage_kwh': 'cast(sum(usage_kwh) as ' ~ kwh_type() ~ ')',
        'last_contract_date': 'max(last_contract_date)',
        'billing_day': 'max(billing_day)',
    }) }}
)

select
    {{- channel_problem_columns('NMI_CLOSED', concat_text([
        "'channel '", "nmi_suffix", "' '", days_in_words(), "': '", three_decimals('usage_kwh'),
        "' kWh after the last contract ended on '", text_of('last_contract_date', 10),
    ])) }}
from runs
