-- Negative values: the direction of energy is a channel of its own.
with found as (
    select
        nmi,
        nmi_suffix,
        market_date,
        usage_kwh,
        billing_day
    from {{ ref('int_channel_days__judge') }}
    where has_negative_value = 1
),

runs as (
    {{ runs_of_days('found', ['nmi', 'nmi_suffix'], {
        'usage_kwh': 'cast(sum(usage_kwh) as ' ~ kwh_type() ~ ')',
        'billing_day': 'max(billing_day)',
    }) }}
)

select
    {{- channel_problem_columns('READ_NEGATIVE', concat_text([
        "'channel '", "nmi_suffix", "' '", days_in_words(), "': negative values; in sum '",
        three_decimals('usage_kwh'), "' kWh'",
    ])) }}
from runs

union all
select
    {{- channel_problem_columns('READ_NEGATIVE', concat_text([
        "'register '", "nmi_suffix", "' read on '", text_of('last_market_date', 10), "': '",
        three_decimals('energy_kwh'), "' kWh'",
    ])) }}
from {{ ref('int_accumulation_records__judge') }}
where energy_kwh < 0
