-- One row per tariff that prices energy: a tariff period, a controlled load or a feed-in of a plan version, with the
-- words that name it to people, the clock it follows, whether it has windows, and the days on which it is offered. One
-- that starts with (or before) its version reaches back as far as the version does.
with blocks as (
    select
        plan_id,
        version_hash,
        section,
        parent_number,
        min(rate_block) as rate_block,
        count(distinct rate_block) as rate_block_count,
        min(rate_number) as first_rate_number,
        count(distinct rate_number) as rate_count
    from {{ ref('stg_plans__rates') }}
    group by plan_id, version_hash, section, parent_number
),

details as (
    select
        plan_id,
        version_hash,
        'TARIFF_PERIOD' as section,
        tariff_period_number as parent_number,
        display_name,
        {{ concat_text([
            "'tariff period '", text_of('tariff_period_number', 4), "' '''", "display_name", "''' ('",
            "coalesce(start_text, '?')", "' to '", "coalesce(end_text, '?')", "')'",
        ]) }} as label,
        clock,
        cast(null as date) as start_date,
        cast(null as date) as end_date
    from {{ ref('stg_plans__tariff_periods') }}
    union all
    select
        plan_id,
        version_hash,
        'CONTROLLED_LOAD' as section,
        controlled_load_number as parent_number,
        display_name,
        {{ concat_text(["'controlled load '", text_of('controlled_load_number', 4), "' '''", "display_name", "''''"]) }} as label,
        cast(null as {{ text_type(10) }}) as clock,
        start_date,
        end_date
    from {{ ref('stg_plans__controlled_loads') }}
    union all
    select
        plan_id,
        version_hash,
        'FEED_IN' as section,
        feed_in_number as parent_number,
        display_name,
        {{ concat_text(["'feed-in '", text_of('feed_in_number', 4), "' '''", "display_name", "''''"]) }} as label,
        cast(null as {{ text_type(10) }}) as clock,
        start_date,
        end_date
    from {{ ref('stg_plans__feed_ins') }}
)

select
    details.plan_id,
    details.version_hash,
    details.section,
    details.parent_number,
    details.display_name,
    details.label,
    coalesce(details.clock, versions.clock) as clock,
    blocks.rate_block,
    blocks.rate_block_count,
    blocks.first_rate_number,
    blocks.rate_count,
    case
        when details.start_date > versions.dated_from then details.start_date
        else versions.first_date
    end as first_date,
    coalesce(details.end_date, {{ date_literal('9999-12-31') }}) as last_date
from details
inner join {{ ref('int_plan_versions__in_force') }} as versions
    on details.plan_id = versions.plan_id and details.version_hash = versions.version_hash
left join blocks
    on
        details.plan_id = blocks.plan_id
        and details.version_hash = blocks.version_hash
        and details.section = blocks.section
        and details.parent_number = blocks.parent_number
