-- One row per due bill, market day, day of the plan's clock and feed-in that competes on it with another of its plan (their
-- windows share a half hour, int_feed_ins__overlap): whether it pays. The contract's FEED_IN terms of the market day name the
-- one; the hours that local midnight puts beyond that day go by its terms too, and by their own day's where it names none.
-- Named twice or not at all: nobody pays, and is_undecided says so. Feed-ins without a competitor have no row and all pay.
with exporting as (
    select contract_id
    from {{ ref('int_bill_channels__list') }}
    where section = 'FEED_IN'
    union
    -- Export may also come on a channel that no register names.
    select contract_id
    from {{ ref('int_channel_days__assign') }}
    where section = 'FEED_IN'
),

competing_plans as (
    select distinct plan_id
    from {{ ref('int_feed_ins__overlap') }}
),

clock_days as (
    select distinct
        jurisdiction,
        clock,
        market_date,
        local_date
    from {{ ref('stg_operations__market_calendar') }}
),

days as (
    select
        days.contract_id,
        days.period_start_date,
        days.period_end_date,
        days.market_date,
        clock_days.local_date,
        days.plan_id
    from {{ ref('int_contract_days') }} as days
    inner join exporting
        on days.contract_id = exporting.contract_id
    inner join competing_plans
        on days.plan_id = competing_plans.plan_id
    inner join {{ ref('int_plan_clocks__choose') }} as clocks
        on days.plan_id = clocks.plan_id and days.market_date = clocks.market_date and clocks.section = 'FEED_IN'
    inner join clock_days
        on
            days.jurisdiction = clock_days.jurisdiction
            and days.market_date = clock_days.market_date
            and clocks.clock = clock_days.clock
),

pairs as (
    select
        days.contract_id,
        days.period_start_date,
        days.period_end_date,
        days.market_date,
        days.local_date,
        days.plan_id,
        by_date.version_hash,
        feed_ins.parent_number as feed_in_number,
        feed_ins.display_name,
        others.parent_number as other_feed_in_number
    from days
    inner join {{ ref('int_tariff_periods__by_date') }} as by_date
        on days.plan_id = by_date.plan_id and days.local_date = by_date.local_date
    inner join {{ ref('int_feed_ins__overlap') }} as clashes
        on by_date.plan_id = clashes.plan_id and by_date.version_hash = clashes.version_hash
    inner join {{ ref('int_tariffs__list') }} as feed_ins
        on
            clashes.plan_id = feed_ins.plan_id
            and clashes.version_hash = feed_ins.version_hash
            and feed_ins.section = 'FEED_IN'
            and clashes.feed_in_number = feed_ins.parent_number
            and days.local_date between feed_ins.first_date and feed_ins.last_date
    inner join {{ ref('int_tariffs__list') }} as others
        on
            clashes.plan_id = others.plan_id
            and clashes.version_hash = others.version_hash
            and others.section = 'FEED_IN'
            and clashes.other_feed_in_number = others.parent_number
            and days.local_date between others.first_date and others.last_date
),

terms as (
    select
        contract_id,
        term_value,
        coalesce(start_date, {{ date_literal('1900-01-01') }}) as first_date,
        coalesce(end_date, {{ date_literal('9999-12-31') }}) as last_date
    from {{ ref('stg_retailer__contract_terms') }}
    where term = 'FEED_IN'
),

-- term_rank: 1 named on the market day, 2 on the day of the plan's clock alone, 3 not named.
named as (
    select
        pairs.contract_id,
        pairs.period_start_date,
        pairs.period_end_date,
        pairs.market_date,
        pairs.local_date,
        pairs.plan_id,
        pairs.version_hash,
        pairs.feed_in_number,
        min(
            case
                when pairs.market_date between terms.first_date and terms.last_date then 1
                when pairs.local_date between terms.first_date and terms.last_date then 2
                else 3
            end
        ) as term_rank
    from pairs
    left join terms
        on pairs.contract_id = terms.contract_id and lower(pairs.display_name) = lower(terms.term_value)
    group by
        pairs.contract_id, pairs.period_start_date, pairs.period_end_date, pairs.market_date, pairs.local_date,
        pairs.plan_id, pairs.version_hash, pairs.feed_in_number
),

chosen as (
    select
        named.contract_id,
        named.period_start_date,
        named.period_end_date,
        named.market_date,
        named.local_date,
        named.plan_id,
        named.version_hash,
        named.feed_in_number,
        min(case when named.term_rank < 3 and named.term_rank < others.term_rank then 1 else 0 end) as is_chosen
    from named
    inner join pairs
        on {{ same_feed_in_day('named', 'pairs') }} and named.feed_in_number = pairs.feed_in_number
    inner join named as others
        on {{ same_feed_in_day('pairs', 'others') }} and pairs.other_feed_in_number = others.feed_in_number
    group by
        named.contract_id, named.period_start_date, named.period_end_date, named.market_date, named.local_date,
        named.plan_id, named.version_hash, named.feed_in_number
)

select
    chosen.contract_id,
    chosen.period_start_date,
    chosen.period_end_date,
    chosen.market_date,
    chosen.local_date,
    chosen.plan_id,
    chosen.version_hash,
    chosen.feed_in_number,
    chosen.is_chosen,
    case when chosen.is_chosen = 0 and max(others.is_chosen) = 0 then 1 else 0 end as is_undecided
from chosen
inner join pairs
    on {{ same_feed_in_day('chosen', 'pairs') }} and chosen.feed_in_number = pairs.feed_in_number
inner join chosen as others
    on {{ same_feed_in_day('pairs', 'others') }} and pairs.other_feed_in_number = others.feed_in_number
group by
    chosen.contract_id, chosen.period_start_date, chosen.period_end_date, chosen.market_date, chosen.local_date,
    chosen.plan_id, chosen.version_hash, chosen.feed_in_number, chosen.is_chosen
