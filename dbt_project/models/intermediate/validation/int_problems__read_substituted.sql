-- Intervals that the meter data provider substituted (S or F).
with found as (
    select
        nmi,
        nmi_suffix,
        market_date,
        substituted_interval_count,
        value_count,
        billing_day
    from {{ ref('int_channel_days__judge') }}
    where substituted_interval_count > 0
),

runs as (
    {{ runs_of_days('found', ['nmi', 'nmi_suffix'], {
        'substituted_count': 'cast(sum(substituted_interval_count) as integer)',
        'interval_count': 'cast(sum(value_count) as integer)',
        'billing_day': 'max(billing_day)',
    }) }}
)

select
    {{- channel_problem_columns('READ_SUBSTITUTED', concat_text([
        "'channel '", "nmi_suffix", "' '", days_in_words(), "': '", text_of('substituted_count'), "' of '",
        text_of('interval_count'), "' intervals are substituted'",
    ])) }}
from runs

union all
select
    {{- channel_problem_columns('READ_SUBSTITUTED', concat_text([
        "'register '", "nmi_suffix", "' read on '", text_of('last_market_date', 10), "': substituted ('",
        "current_quality_method", "')'",
    ])) }}
from {{ ref('int_accumulation_records__judge') }}
where current_quality_flag in ('S', 'F')
