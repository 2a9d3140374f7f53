-- One row per tariff period of a plan version that has no season, shares days with another one, or after which days
-- follow that no tariff period holds. A plan that leaves out 29 February alone is wrong only for a bill with that day in
-- it (int_bill_problems__detect). Tariff periods that hold demand charges alone run beside the others.
with seasons as (
    select
        periods.plan_id,
        periods.version_hash,
        periods.tariff_period_number,
        periods.start_text,
        periods.end_text,
        periods.first_month_day,
        periods.last_month_day,
        -- A leap year's calendar has every day of a season.
        {{ add_days("try_cast(" ~ concat_text(["'2000-'", "periods.end_text"]) ~ " as date)", 1) }} as next_date,
        tariffs.label
    from {{ ref('stg_plans__tariff_periods') }} as periods
    inner join {{ ref('int_tariffs__list') }} as tariffs
        on
            periods.plan_id = tariffs.plan_id
            and periods.version_hash = tariffs.version_hash
            and tariffs.section = 'TARIFF_PERIOD'
            and periods.tariff_period_number = tariffs.parent_number
    where tariffs.rate_block is not null
),

-- The first day after each season that somebody has to hold.
followed as (
    select
        seasons.plan_id,
        seasons.version_hash,
        seasons.tariff_period_number,
        seasons.label,
        case when {{ month_day_of('seasons.next_date') }} = 229 then 1 else 0 end as is_leap_day,
        seasons.next_date,
        max({{ flag(season_holds('seasons.next_date', 'others.first_month_day', 'others.last_month_day')) }}) as is_next_held,
        max({{ flag(season_holds(date_literal('2000-03-01'), 'others.first_month_day', 'others.last_month_day')) }}) as is_march_held
    from seasons
    inner join seasons as others
        on seasons.plan_id = others.plan_id and seasons.version_hash = others.version_hash
    group by seasons.plan_id, seasons.version_hash, seasons.tariff_period_number, seasons.label, seasons.next_date
    -- Beside a tariff period without a season nobody knows what is left out.
    having min({{ flag("others.first_month_day is not null and others.last_month_day is not null") }}) = 1
)

select
    plan_id,
    version_hash,
    tariff_period_number,
    {{ concat_text([
        "label", "': it runs from '", "coalesce(start_text, 'nothing')", "' to '", "coalesce(end_text, 'nothing')",
        "', which is no season'",
    ]) }} as reason
from seasons
where first_month_day is null or last_month_day is null
union all
select
    seasons.plan_id,
    seasons.version_hash,
    seasons.tariff_period_number,
    {{ concat_text([
        "seasons.label", "' and '", "others.label", "' both hold on '",
        "case when " ~ season_holds("try_cast(" ~ concat_text(["'2000-'", "others.start_text"]) ~ " as date)",
                                    'seasons.first_month_day', 'seasons.last_month_day')
        ~ " then others.start_text else seasons.start_text end",
    ]) }} as reason
from seasons
inner join seasons as others
    on
        seasons.plan_id = others.plan_id
        and seasons.version_hash = others.version_hash
        and seasons.tariff_period_number < others.tariff_period_number
where
    {{ season_holds("try_cast(" ~ concat_text(["'2000-'", "others.start_text"]) ~ " as date)", 'seasons.first_month_day', 'seasons.last_month_day') }}
    or {{ season_holds("try_cast(" ~ concat_text(["'2000-'", "seasons.start_text"]) ~ " as date)", 'others.first_month_day', 'others.last_month_day') }}
union all
select
    plan_id,
    version_hash,
    tariff_period_number,
    {{ concat_text([
        "'no tariff period holds from '", "case when is_leap_day = 1 then '03-01' else substring("
        ~ text_of('next_date', 10) ~ ", 6, 5) end", "', the day after '", "label",
    ]) }} as reason
from followed
where is_next_held = 0 and (is_leap_day = 0 or is_march_held = 0)
