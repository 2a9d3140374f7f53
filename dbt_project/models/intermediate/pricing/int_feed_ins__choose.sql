-- One row per due bill, plan version in it and feed-in that applies to the contract. Feed-ins whose windows are disjoint
-- add up; otherwise the contract's FEED_IN term names the one; otherwise none is chosen and is_undecided says so.
with offered as (
    select
        segments.contract_id,
        segments.period_start_date,
        segments.period_end_date,
        segments.plan_id,
        segments.version_hash,
        segments.parent_number as feed_in_number,
        tariffs.display_name
    from {{ ref('int_bill_tariffs__segment') }} as segments
    inner join {{ ref('int_tariffs__list') }} as tariffs
        on
            segments.plan_id = tariffs.plan_id
            and segments.version_hash = tariffs.version_hash
            and segments.section = tariffs.section
            and segments.parent_number = tariffs.parent_number
            and tariffs.first_date <= segments.period_end_date
            and tariffs.last_date >= segments.period_start_date
    where segments.section = 'FEED_IN'
),

clashing as (
    select distinct
        offered.contract_id,
        offered.period_start_date,
        offered.period_end_date,
        offered.plan_id,
        offered.version_hash
    from offered
    inner join {{ ref('int_feed_ins__overlap') }} as clashes
        on
            offered.plan_id = clashes.plan_id
            and offered.version_hash = clashes.version_hash
            and offered.feed_in_number = clashes.feed_in_number
    inner join offered as others
        on
            offered.contract_id = others.contract_id
            and offered.period_start_date = others.period_start_date
            and offered.period_end_date = others.period_end_date
            and offered.plan_id = others.plan_id
            and offered.version_hash = others.version_hash
            and clashes.other_feed_in_number = others.feed_in_number
),

named as (
    select distinct
        offered.contract_id,
        offered.period_start_date,
        offered.period_end_date,
        offered.plan_id,
        offered.version_hash,
        offered.feed_in_number
    from offered
    inner join {{ ref('stg_retailer__contract_terms') }} as terms
        on
            offered.contract_id = terms.contract_id
            and terms.term = 'FEED_IN'
            and lower(offered.display_name) = lower(terms.term_value)
            and (terms.start_date is null or terms.start_date <= offered.period_end_date)
            and (terms.end_date is null or terms.end_date >= offered.period_start_date)
),

named_counts as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        plan_id,
        version_hash,
        count(*) as named_count
    from named
    group by contract_id, period_start_date, period_end_date, plan_id, version_hash
)

select
    offered.contract_id,
    offered.period_start_date,
    offered.period_end_date,
    offered.plan_id,
    offered.version_hash,
    offered.feed_in_number,
    case when clashing.contract_id is null then 1
        when named_counts.named_count = 1 and named.feed_in_number is not null then 1 else 0 end as is_chosen,
    case when clashing.contract_id is not null and coalesce(named_counts.named_count, 0) <> 1 then 1 else 0 end as is_undecided
from offered
left join clashing
    on
        offered.contract_id = clashing.contract_id
        and offered.period_start_date = clashing.period_start_date
        and offered.period_end_date = clashing.period_end_date
        and offered.plan_id = clashing.plan_id
        and offered.version_hash = clashing.version_hash
left join named
    on
        offered.contract_id = named.contract_id
        and offered.period_start_date = named.period_start_date
        and offered.period_end_date = named.period_end_date
        and offered.plan_id = named.plan_id
        and offered.version_hash = named.version_hash
        and offered.feed_in_number = named.feed_in_number
left join named_counts
    on
        offered.contract_id = named_counts.contract_id
        and offered.period_start_date = named_counts.period_start_date
        and offered.period_end_date = named_counts.period_end_date
        and offered.plan_id = named_counts.plan_id
        and offered.version_hash = named_counts.version_hash
