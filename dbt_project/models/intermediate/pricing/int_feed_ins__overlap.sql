-- One row per plan version and pair of its feed-ins that pay for the same half hour of some day: they cannot both hold.
select distinct
    one.plan_id,
    one.version_hash,
    one.parent_number as feed_in_number,
    other.parent_number as other_feed_in_number
from {{ ref('int_tariffs__list') }} as one
inner join {{ ref('int_tariffs__list') }} as other
    on
        one.plan_id = other.plan_id
        and one.version_hash = other.version_hash
        and one.parent_number <> other.parent_number
        and one.first_date <= other.last_date
        and one.last_date >= other.first_date
left join {{ ref('int_rate_windows__by_day_type') }} as one_windows
    on
        one.plan_id = one_windows.plan_id
        and one.version_hash = one_windows.version_hash
        and one.section = one_windows.section
        and one.parent_number = one_windows.parent_number
left join {{ ref('int_rate_windows__by_day_type') }} as other_windows
    on
        other.plan_id = other_windows.plan_id
        and other.version_hash = other_windows.version_hash
        and other.section = other_windows.section
        and other.parent_number = other_windows.parent_number
        and (
            one.rate_block = 'SINGLE_RATE'
            or (
                one_windows.weekday = other_windows.weekday
                and one_windows.is_public_holiday = other_windows.is_public_holiday
                and one_windows.is_business_day = other_windows.is_business_day
                and one_windows.local_start_minute = other_windows.local_start_minute
            )
        )
where
    one.section = 'FEED_IN'
    and other.section = 'FEED_IN'
    and (one.rate_block = 'SINGLE_RATE' or one_windows.weekday is not null)
    and (other.rate_block = 'SINGLE_RATE' or other_windows.weekday is not null)
