-- Records whose quality is missing or is a flag that nobody knows; a basic meter's read knows no V. A read before the first
-- may lack its quality.
with found as (
    select
        nmi,
        nmi_suffix,
        market_date,
        quality_method,
        billing_day
    from {{ ref('int_channel_days__judge') }}
    where quality_flag is null or quality_flag not in ('A', 'S', 'F', 'E', 'N', 'V')
),

runs as (
    {{ runs_of_days('found', ['nmi', 'nmi_suffix'], {
        'quality_method': 'min(quality_method)',
        'billing_day': 'max(billing_day)',
    }) }}
)

select
    {{- channel_problem_columns('QUALITY_INVALID', concat_text([
        "'channel '", "nmi_suffix", "' '", days_in_words(), "': the quality is '",
        "coalesce(quality_method, 'missing')",
    ])) }}
from runs

union all
select
    {{- channel_problem_columns('QUALITY_INVALID', concat_text([
        "'register '", "nmi_suffix", "' read on '", text_of('last_market_date', 10), "': the quality is '",
        "coalesce(current_quality_method, 'missing')",
    ])) }}
from {{ ref('int_accumulation_records__judge') }}
where current_quality_flag is null or current_quality_flag not in ('A', 'S', 'F', 'E', 'N')

union all
select
    {{- channel_problem_columns('QUALITY_INVALID', concat_text([
        "'register '", "nmi_suffix", "' read on '", text_of('first_market_date', 10), "': the quality is '",
        "previous_quality_method",
    ])) }}
from {{ ref('int_accumulation_records__judge') }}
where
    previous_quality_flag not in ('A', 'S', 'F', 'E', 'N')
    and coalesce(current_quality_flag, '-') in ('A', 'S', 'F', 'E', 'N')
