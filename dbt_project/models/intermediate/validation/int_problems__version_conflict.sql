-- Two contents under the latest version time of a channel-day or of a basic meter's record: neither is billed.
with found as (
    select
        nmi,
        nmi_suffix,
        market_date,
        billing_day
    from {{ ref('int_channel_days__judge') }}
    where is_conflicting = 1
),

runs as (
    {{ runs_of_days('found', ['nmi', 'nmi_suffix'], {
        'billing_day': 'max(billing_day)',
    }) }}
)

select
    {{- channel_problem_columns('VERSION_CONFLICT', concat_text([
        "'channel '", "nmi_suffix", "' '", days_in_words(), "': different values under the same version time'",
    ])) }}
from runs

union all
select
    {{- channel_problem_columns('VERSION_CONFLICT', concat_text([
        "'register '", "nmi_suffix", "' read on '", text_of('last_market_date', 10),
        "': different contents under the same version time'",
    ])) }}
from {{ ref('int_accumulation_records__judge') }}
where is_conflicting = 1
