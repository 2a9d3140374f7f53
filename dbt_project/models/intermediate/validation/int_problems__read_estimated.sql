-- Intervals that the meter data provider estimated (E).
with found as (
    select
        nmi,
        nmi_suffix,
        market_date,
        estimated_interval_count,
        value_count,
        billing_day
    from {{ ref('int_channel_days__judge') }}
    where estimated_interval_count > 0
),

runs as (
    {{ runs_of_days('found', ['nmi', 'nmi_suffix'], {
        'estimated_count': 'cast(sum(estimated_interval_count) as integer)',
        'interval_count': 'cast(sum(value_count) as integer)',
        'billing_day': 'max(billing_day)',
    }) }}
)

select
    {{- channel_problem_columns('READ_ESTIMATED', concat_text([
        "'channel '", "nmi_suffix", "' '", days_in_words(), "': '", text_of('estimated_count'), "' of '",
        text_of('interval_count'), "' intervals are estimated'",
    ])) }}
from runs

union all
select
    {{- channel_problem_columns('READ_ESTIMATED', concat_text([
        "'register '", "nmi_suffix", "' read on '", text_of('last_market_date', 10), "': estimated ('",
        "current_quality_method", "')'",
    ])) }}
from {{ ref('int_accumulation_records__judge') }}
where current_quality_flag = 'E'
