-- One row per plan version and pair of its feed-ins that pay for the same half hour of some day: they cannot both hold.
with feed_ins as (
    select
        plan_id,
        version_hash,
        parent_number,
        rate_block,
        first_date,
        last_date
    from {{ ref('int_tariffs__list') }}
    where section = 'FEED_IN'
),

pairs as (
    select
        one.plan_id,
        one.version_hash,
        one.parent_number as feed_in_number,
        other.parent_number as other_feed_in_number,
        case when one.rate_block = 'SINGLE_RATE' or other.rate_block = 'SINGLE_RATE' then 1 else 0 end as is_untimed
    from feed_ins as one
    inner join feed_ins as other
        on
            one.plan_id = other.plan_id
            and one.version_hash = other.version_hash
            and one.parent_number <> other.parent_number
            and one.first_date <= other.last_date
            and one.last_date >= other.first_date
),

shared_half_hours as (
    select distinct
        one.plan_id,
        one.version_hash,
        one.parent_number as feed_in_number,
        other.parent_number as other_feed_in_number
    from {{ ref('int_rate_windows__by_day_type') }} as one
    inner join {{ ref('int_rate_windows__by_day_type') }} as other
        on
            one.plan_id = other.plan_id
            and one.version_hash = other.version_hash
            and one.section = other.section
            and one.parent_number <> other.parent_number
            and one.weekday = other.weekday
            and one.is_public_holiday = other.is_public_holiday
            and one.is_business_day = other.is_business_day
            and one.local_start_minute = other.local_start_minute
    where one.section = 'FEED_IN'
)

select
    pairs.plan_id,
    pairs.version_hash,
    pairs.feed_in_number,
    pairs.other_feed_in_number
from pairs
left join shared_half_hours
    on
        pairs.plan_id = shared_half_hours.plan_id
        and pairs.version_hash = shared_half_hours.version_hash
        and pairs.feed_in_number = shared_half_hours.feed_in_number
        and pairs.other_feed_in_number = shared_half_hours.other_feed_in_number
where pairs.is_untimed = 1 or shared_half_hours.plan_id is not null
