{{ config(tags=['rating'], table_refresh_method='dml') }}
{%- set fill_texts = [] %}
{%- for column in half_hour_columns() %}
{%- do fill_texts.extend(["'|'", text_of("estimates." ~ column)]) %}
{%- endfor %}
-- One row per channel-day that this run estimated energy for: the day as it would be with it, half hour by half hour, beside
-- what came. is_billed: the energy goes into bills, because a person released the exception that waits for the day, or
-- because estimates are billed by themselves (int_estimation_parameters__list).
with estimates as (
    select
        nmi,
        nmi_suffix,
        market_date,
        cast(sum(filled_kwh) as {{ kwh_type() }}) as filled_kwh,
        {%- for column in half_hour_columns() %}
        coalesce(max(case when half_hour = {{ loop.index }} then filled_kwh end), 0) as {{ column }},
        {%- endfor %}
        cast(count(*) as integer) as half_hour_count
    from {{ ref('int_gap_half_hours__estimate') }}
    group by nmi, nmi_suffix, market_date
),

policy as (
    select max(parameter_value) as is_billed
    from {{ ref('int_estimation_parameters__list') }}
    where
        parameter = 'ESTIMATES_BILLED'
        and {{ date_literal(var('end_day')) }} between first_date and last_date
),

released as (
    select
        estimates.nmi,
        estimates.nmi_suffix,
        estimates.market_date
    from estimates
    inner join {{ ref('stg_operations__exception_queue') }} as queue
        on
            estimates.nmi = queue.nmi
            and estimates.nmi_suffix = coalesce(queue.nmi_suffix, estimates.nmi_suffix)
            and estimates.market_date between queue.first_market_date and queue.last_market_date
    where
        queue.state = 'RELEASED'
        and queue.rule_code in ('READ_MISSING_DAY', 'READ_PARTIAL_DAY', 'ORDER_WITHOUT_DATA')
    group by estimates.nmi, estimates.nmi_suffix, estimates.market_date
)

select
    estimates.nmi,
    estimates.nmi_suffix,
    estimates.market_date,
    estimates.filled_kwh,
    case when policy.is_billed = 1 or released.nmi is not null then 1 else 0 end as is_billed,
    case when channel_days.nmi is null then 1 else 0 end as is_missing_day,
    {%- for column in half_hour_columns() %}
    cast(coalesce(channel_days.{{ column }}, 0) + estimates.{{ column }} as {{ kwh_type() }}) as {{ column }},
    {%- endfor %}
    {{ text_hash(concat_text(
        ["channel_days.content_hash"] + fill_texts
    )) }} as content_hash,
    0 as is_conflicting
from estimates
cross join policy
left join released
    on
        estimates.nmi = released.nmi
        and estimates.nmi_suffix = released.nmi_suffix
        and estimates.market_date = released.market_date
left join {{ ref('int_channel_days__current') }} as channel_days
    on
        estimates.nmi = channel_days.nmi
        and estimates.nmi_suffix = channel_days.nmi_suffix
        and estimates.market_date = channel_days.market_date
