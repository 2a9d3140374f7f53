-- Qualities, methods and reasons that do not go together (MDFF specification): A stands alone, E has a method and no
-- reason, S and F have both, V neither; a method that nobody knows; a day of an alarm (79 outage, 61 tamper, 89 time
-- reset) whose 400 records are missing. The values are used as their quality says. An API gives no methods.
with days as (
    select
        nmi,
        nmi_suffix,
        market_date,
        quality_method,
        quality_flag,
        {{ clean_text('substring(quality_method, 2, 10)') }} as method,
        reason_code,
        event_count,
        billing_day
    from {{ ref('int_channel_days__judge') }}
    where
        source = 'FILE'
        and quality_flag in ('A', 'S', 'F', 'E', 'V')
        and (quality_method <> 'A' or reason_code in (61, 79, 89))
),

judged as (
    select
        nmi,
        nmi_suffix,
        market_date,
        quality_method,
        billing_day,
        case
            when quality_flag in ('A', 'V') and method is not null then 'has a method'
            when quality_flag in ('E', 'S', 'F') and method is null then 'has no method'
            when
                quality_flag in ('E', 'S', 'F')
                and method not in (
                    {%- for number in (range(11, 26) | list) + (range(51, 60) | list) + (range(61, 70) | list) + (range(71, 76) | list) %}
                    '{{ number }}'{{ "," if not loop.last }}
                    {%- endfor %}
                )
                then 'has a method that nobody knows'
            when quality_flag in ('S', 'F') and reason_code is null then 'has no reason'
            when quality_flag in ('E', 'V') and reason_code is not null then 'has a reason'
            when quality_flag = 'A' and reason_code in (61, 79, 89) and event_count = 0
                then 'has the reason of an alarm and no interval events'
        end as trouble
    from days
),

found as (
    select
        nmi,
        nmi_suffix,
        market_date,
        quality_method,
        trouble,
        billing_day
    from judged
    where trouble is not null
),

runs as (
    {{ runs_of_days('found', ['nmi', 'nmi_suffix', 'quality_method', 'trouble'], {'billing_day': 'max(billing_day)'}) }}
)

select
    'QUALITY_COMBINATION' as rule_code,
    {{ concat_text(["nmi", "'|'", "nmi_suffix", "'|'", "quality_method", "'|'", "trouble"]) }} as subject,
    nmi,
    nmi_suffix,
    cast(null as {{ text_type(20) }}) as contract_id,
    first_market_date,
    last_market_date,
    billing_day,
    {{ concat_text([
        "'channel '", "nmi_suffix", "' '", days_in_words(), "': the quality '", "quality_method", "' '", "trouble",
    ]) }} as detail
from runs
