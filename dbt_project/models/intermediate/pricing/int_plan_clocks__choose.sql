-- One row per plan, day and part of the plan: the clock it follows on that market day. Should two versions follow
-- different clocks, the one in force on the market day decides.
select
    by_date.plan_id,
    by_date.local_date as market_date,
    'TARIFF_PERIOD' as section,
    min(tariffs.clock) as clock
from {{ ref('int_tariff_periods__by_date') }} as by_date
inner join {{ ref('int_tariffs__list') }} as tariffs
    on
        by_date.plan_id = tariffs.plan_id
        and by_date.version_hash = tariffs.version_hash
        and tariffs.section = 'TARIFF_PERIOD'
where tariffs.rate_block is not null
group by by_date.plan_id, by_date.local_date
{%- for section in ['CONTROLLED_LOAD', 'FEED_IN'] %}
union all
select
    by_date.plan_id,
    by_date.local_date as market_date,
    '{{ section }}' as section,
    versions.clock
from {{ ref('int_tariff_periods__by_date') }} as by_date
inner join {{ ref('int_plan_versions__in_force') }} as versions
    on by_date.plan_id = versions.plan_id and by_date.version_hash = versions.version_hash
{%- endfor %}
