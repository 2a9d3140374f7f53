{{ config(tags=['billing']) }}
-- One row per due order: the category SAP is told (by whom and how the value was read), from the worst quality inside the
-- period through the seed reading_categories. A register read by hand on the day says itself how it was read.
with interval_qualities as (
    select
        orders.meter_reading_order_id,
        cast(sum(daily.estimated_interval_count) as integer) as estimated_count,
        cast(sum(coalesce(daily.is_fill_billed, 0)) as integer) as filled_count,
        cast(sum(daily.substituted_interval_count) as integer) as substituted_count,
        cast(sum(daily.actual_interval_count) as integer) as actual_count
    from {{ ref('int_register_orders__due') }} as orders
    inner join {{ ref('fct_daily_usage') }} as daily
        on
            orders.nmi = daily.nmi
            and orders.nmi_suffix = daily.nmi_suffix
            and daily.market_date between orders.period_start_date and orders.period_end_date
    group by orders.meter_reading_order_id
),

qualities as (
    select
        orders.meter_reading_order_id,
        case
            when dials.quality_code is not null then dials.quality_code
            when coalesce(interval_qualities.filled_count, 0) > 0 then 'FILLED'
            when interval_qualities.estimated_count > 0 then 'E'
            when interval_qualities.substituted_count > 0 then 'S'
            when interval_qualities.actual_count > 0 then 'A'
        end as quality_code
    from {{ ref('int_register_orders__due') }} as orders
    left join {{ ref('int_dial_reads__match') }} as dials
        on orders.meter_reading_order_id = dials.meter_reading_order_id
    left join interval_qualities
        on orders.meter_reading_order_id = interval_qualities.meter_reading_order_id
)

select
    qualities.meter_reading_order_id,
    qualities.quality_code,
    categories.meter_reading_category
from qualities
left join {{ ref('reading_categories') }} as categories
    on qualities.quality_code = categories.quality_code
