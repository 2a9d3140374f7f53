-- Days whose 400 records do not say the quality of each interval once: gaps under a V, overlaps, places outside the day, or no
-- quality of their own (V, or none).
with found as (
    select
        nmi,
        nmi_suffix,
        market_date,
        covered_interval_count,
        value_count,
        event_count,
        billing_day
    from {{ ref('int_channel_days__judge') }}
    where (quality_flag = 'V' and covered_interval_count < value_count) or has_faulty_event = 1
),

runs as (
    {{ runs_of_days('found', ['nmi', 'nmi_suffix'], {
        'covered_count': 'cast(sum(covered_interval_count) as integer)',
        'interval_count': 'cast(sum(value_count) as integer)',
        'event_count': 'cast(sum(event_count) as integer)',
        'billing_day': 'max(billing_day)',
    }) }}
)

select
    {{- channel_problem_columns('EVENTS_INCOMPLETE', concat_text([
        "'channel '", "nmi_suffix", "' '", days_in_words(), "': '", text_of('event_count'),
        "' interval events give a quality to '", text_of('covered_count'), "' of '", text_of('interval_count'),
        "' intervals'", "case when covered_count = interval_count then ' but some overlap, leave the day or carry no quality of their own' else '' end",
    ])) }}
from runs
