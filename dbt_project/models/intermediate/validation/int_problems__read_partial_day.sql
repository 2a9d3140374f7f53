-- Days with intervals that came without a value.
with found as (
    select
        nmi,
        nmi_suffix,
        market_date,
        missing_interval_count,
        value_count,
        billing_day
    from {{ ref('int_channel_days__judge') }}
    where missing_interval_count > 0
),

runs as (
    {{ runs_of_days('found', ['nmi', 'nmi_suffix'], {
        'missing_count': 'cast(sum(missing_interval_count) as integer)',
        'interval_count': 'cast(sum(value_count) as integer)',
        'billing_day': 'max(billing_day)',
    }) }}
)

select
    {{- channel_problem_columns('READ_PARTIAL_DAY', concat_text([
        "'channel '", "nmi_suffix", "' '", days_in_words(), "': '", text_of('missing_count'), "' of '",
        text_of('interval_count'), "' intervals have no value'",
    ])) }}
from runs
