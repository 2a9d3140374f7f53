{{ config(
    materialized='incremental',
    incremental_strategy='replace',
    replace_scope='int_channel_days__refresh',
    replace_on=['nmi', 'nmi_suffix', 'market_date'],
    on_schema_change='append_new_columns',
) }}
-- One row per channel-day and run of half hours that we estimated by one method from one source; gone as soon as reads come. A
-- day of a basic meter's register is one run of all its half hours.
-- depends_on: {{ ref('int_channel_days__refresh') }}
with numbered as (
    select
        nmi,
        nmi_suffix,
        market_date,
        half_hour,
        missing_count,
        method,
        taken_from,
        filled_kwh,
        half_hour - row_number() over (
            partition by nmi, nmi_suffix, market_date, method, taken_from order by half_hour
        ) as island
    from {{ ref('int_gap_half_hours__estimate') }}
)

select
    cast(estimates.nmi as {{ text_type(40) }}) as nmi,
    cast(estimates.nmi_suffix as {{ text_type(20) }}) as nmi_suffix,
    estimates.market_date,
    cast(min(estimates.half_hour) as integer) as first_half_hour,
    cast(max(estimates.half_hour) as integer) as last_half_hour,
    cast(estimates.method as {{ text_type(20) }}) as method,
    cast(max(case estimates.method
        when 'LINEAR' then '17'
        when 'LIKE_DAY' then '14'
        when 'AVERAGE_LIKE_DAY' then '15'
        when 'PREVIOUS_YEAR' then '23'
        else '57'
    end) as {{ text_type(2) }}) as market_method_code,
    {{ short_text('estimates.taken_from', 200) }} as taken_from,
    cast(sum(estimates.filled_kwh) as {{ kwh_type() }}) as filled_kwh,
    cast(max(fills.is_billed) as integer) as is_billed,
    cast(max(fills.is_missing_day) as integer) as is_missing_day,
    {{ date_literal(var('end_day')) }} as estimated_on_date
from numbered as estimates
inner join {{ ref('int_channel_days__fill') }} as fills
    on
        estimates.nmi = fills.nmi
        and estimates.nmi_suffix = fills.nmi_suffix
        and estimates.market_date = fills.market_date
group by
    estimates.nmi, estimates.nmi_suffix, estimates.market_date, estimates.method, estimates.taken_from, estimates.island
union all
select
    cast(nmi as {{ text_type(40) }}) as nmi,
    cast(nmi_suffix as {{ text_type(20) }}) as nmi_suffix,
    market_date,
    1 as first_half_hour,
    48 as last_half_hour,
    cast(method as {{ text_type(20) }}) as method,
    cast('65' as {{ text_type(2) }}) as market_method_code,
    {{ short_text('taken_from', 200) }} as taken_from,
    cast(sum(filled_kwh) as {{ kwh_type() }}) as filled_kwh,
    cast(max(is_billed) as integer) as is_billed,
    1 as is_missing_day,
    {{ date_literal(var('end_day')) }} as estimated_on_date
from {{ ref('int_accumulation_gaps__estimate') }}
group by nmi, nmi_suffix, market_date, method, taken_from
