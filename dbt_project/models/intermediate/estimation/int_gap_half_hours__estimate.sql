{{ config(tags=['rating']) }}
{%- set key = ['nmi', 'nmi_suffix', 'market_date'] %}
-- One row per half hour that lacks energy and can be estimated: the energy of its missing intervals by the first of the
-- market's methods that has its data (docs/reference/estimation.md), and the days that it was taken from.
-- LINEAR: a straight line between the two half hours around a short gap. LIKE_DAY: the same weekday of the week before.
-- AVERAGE_LIKE_DAY: the mean of that weekday in the four weeks before. PREVIOUS_YEAR: the same weekday a year (364
-- days) before. CLASS_PROFILE: the mean of the day's channels of the same use, customer type and jurisdiction.
-- Days with estimated intervals lend nothing: an estimate is never made from an estimate.
with gaps as (
    select
        nmi,
        nmi_suffix,
        market_date,
        half_hour,
        missing_count,
        interval_count,
        {{ days_between(date_literal('2000-01-01'), 'market_date') }} * 48 + half_hour as place
    from {{ ref('int_gap_half_hours__find') }}
),

gap_days as (
    select
        nmi,
        nmi_suffix,
        market_date
    from gaps
    group by nmi, nmi_suffix, market_date
),

day_offsets as (
    {% for days in [-1, 0, 1, 7, 14, 21, 28, 364] -%}
    select {{ days }} as day_offset{{ " union all" if not loop.last }}
    {% endfor %}
),

wanted_days as (
    select
        gap_days.nmi,
        gap_days.nmi_suffix,
        {{ add_days('gap_days.market_date', '-1 * day_offsets.day_offset') }} as market_date
    from gap_days
    cross join day_offsets
    group by gap_days.nmi, gap_days.nmi_suffix, {{ add_days('gap_days.market_date', '-1 * day_offsets.day_offset') }}
),

lending_days as (
    select
        channel_days.nmi,
        channel_days.nmi_suffix,
        channel_days.market_date,
        {%- for column in half_hour_columns() %}
        channel_days.{{ column }},
        {%- endfor %}
        channel_days.is_conflicting,
        case when channel_days.missing_interval_count = 0 then 1 else 0 end as is_whole
    from wanted_days
    inner join {{ ref('int_channel_days__current') }} as channel_days
        on
            wanted_days.nmi = channel_days.nmi
            and wanted_days.nmi_suffix = channel_days.nmi_suffix
            and wanted_days.market_date = channel_days.market_date
    where channel_days.estimated_interval_count = 0
),

lent as (
    {{ half_hours_of('lending_days', key + ['is_whole']) }}
),

placed as (
    select
        lent.nmi,
        lent.nmi_suffix,
        lent.market_date,
        lent.half_hour,
        lent.is_whole,
        lent.energy_kwh,
        {{ days_between(date_literal('2000-01-01'), 'lent.market_date') }} * 48 + lent.half_hour as place
    from lent
    left join gaps
        on
            lent.nmi = gaps.nmi
            and lent.nmi_suffix = gaps.nmi_suffix
            and lent.market_date = gaps.market_date
            and lent.half_hour = gaps.half_hour
    where gaps.nmi is null
),

islands as (
    select
        nmi,
        nmi_suffix,
        place,
        place - row_number() over (partition by nmi, nmi_suffix order by place) as island
    from gaps
),

runs as (
    select
        nmi,
        nmi_suffix,
        min(place) as first_place,
        max(place) as last_place,
        max(place) - min(place) + 1 as length
    from islands
    group by nmi, nmi_suffix, island
),

lines as (
    select
        runs.nmi,
        runs.nmi_suffix,
        runs.first_place,
        runs.last_place,
        runs.length,
        before.energy_kwh as before_kwh,
        after.energy_kwh as after_kwh
    from runs
    inner join placed as before
        on runs.nmi = before.nmi and runs.nmi_suffix = before.nmi_suffix and before.place = runs.first_place - 1
    inner join placed as after
        on runs.nmi = after.nmi and runs.nmi_suffix = after.nmi_suffix and after.place = runs.last_place + 1
    cross join {{ ref('int_estimation_parameters__list') }} as parameters
    where
        parameters.parameter = 'LINEAR_LONGEST_HALF_HOURS'
        and {{ date_literal(var('end_day')) }} between parameters.first_date and parameters.last_date
        and runs.length <= parameters.parameter_value
),

linear as (
    select
        gaps.nmi,
        gaps.nmi_suffix,
        gaps.place,
        lines.before_kwh
        + {{ divide(
            '(lines.after_kwh - lines.before_kwh) * (gaps.place - lines.first_place + 1)', '(lines.length + 1)', 14
        ) }} as energy_kwh
    from gaps
    inner join lines
        on
            gaps.nmi = lines.nmi
            and gaps.nmi_suffix = lines.nmi_suffix
            and gaps.place between lines.first_place and lines.last_place
),

own_days as (
    select
        gaps.nmi,
        gaps.nmi_suffix,
        gaps.place,
        max(case when placed.market_date = {{ add_days('gaps.market_date', -7) }} then placed.energy_kwh end) as like_kwh,
        {{ divide(
            "cast(sum(case when placed.market_date >= " ~ add_days('gaps.market_date', -28) ~ " then placed.energy_kwh end) as "
            ~ kwh_type() ~ ")",
            "count(case when placed.market_date >= " ~ add_days('gaps.market_date', -28) ~ " then 1 end)", 14
        ) }} as average_kwh,
        min(case when placed.market_date >= {{ add_days('gaps.market_date', -28) }} then placed.market_date end)
            as first_average_date,
        max(case when placed.market_date = {{ add_days('gaps.market_date', -364) }} then placed.energy_kwh end) as year_kwh
    from gaps
    inner join placed
        on
            gaps.nmi = placed.nmi
            and gaps.nmi_suffix = placed.nmi_suffix
            and gaps.half_hour = placed.half_hour
            and placed.is_whole = 1
            and placed.market_date in (
                {% for days in [7, 14, 21, 28, 364] -%}
                {{ add_days('gaps.market_date', -1 * days) }}{{ ", " if not loop.last }}
                {% endfor %}
            )
    group by gaps.nmi, gaps.nmi_suffix, gaps.place, gaps.market_date
),

without_own as (
    select
        gaps.nmi,
        gaps.nmi_suffix,
        gaps.market_date
    from gaps
    left join linear
        on gaps.nmi = linear.nmi and gaps.nmi_suffix = linear.nmi_suffix and gaps.place = linear.place
    left join own_days
        on gaps.nmi = own_days.nmi and gaps.nmi_suffix = own_days.nmi_suffix and gaps.place = own_days.place
    where linear.nmi is null and coalesce(own_days.average_kwh, own_days.year_kwh) is null
    group by gaps.nmi, gaps.nmi_suffix, gaps.market_date
),

channel_classes as (
    select
        channels.nmi,
        channels.nmi_suffix,
        contracts.start_date,
        coalesce(contracts.end_date, {{ date_literal('9999-12-31') }}) as end_date,
        {{ concat_text([
            "channels.section", "'|'", "customers.customer_type", "'|'", "service_points.jurisdiction",
        ]) }} as class
    from {{ ref('int_channels__use') }} as channels
    inner join {{ ref('stg_retailer__contracts') }} as contracts
        on channels.nmi = contracts.nmi
    inner join {{ ref('stg_retailer__contract_accounts') }} as accounts
        on contracts.contract_account_id = accounts.contract_account_id
    inner join {{ ref('stg_retailer__customers') }} as customers
        on accounts.customer_id = customers.customer_id
    inner join {{ ref('stg_retailer__service_points') }} as service_points
        on channels.nmi = service_points.nmi
),

wanted_profiles as (
    select distinct
        channel_classes.class,
        without_own.market_date
    from without_own
    inner join channel_classes
        on
            without_own.nmi = channel_classes.nmi
            and without_own.nmi_suffix = channel_classes.nmi_suffix
            and without_own.market_date between channel_classes.start_date and channel_classes.end_date
),

-- Narrowed by day first and by class last: joined to the classes by day alone, every channel would meet every class.
days_of_profiles as (
    select
        channel_days.nmi,
        channel_days.nmi_suffix,
        {%- for column in half_hour_columns() %}
        channel_days.{{ column }},
        {%- endfor %}
        channel_days.market_date
    from {{ ref('int_channel_days__current') }} as channel_days
    where
        channel_days.market_date in (select wanted_profiles.market_date from wanted_profiles)
        and channel_days.missing_interval_count = 0
        and channel_days.estimated_interval_count = 0
        and channel_days.is_conflicting = 0
),

profile_days as (
    select
        channel_classes.class,
        channel_days.market_date,
        cast(count(*) as integer) as channel_count,
        {%- for column in half_hour_columns() %}
        {{ divide("cast(sum(channel_days." ~ column ~ ") as decimal(23, 14))", "count(*)", 14) }} as {{ column }},
        {%- endfor %}
        0 as is_conflicting
    from days_of_profiles as channel_days
    inner join channel_classes
        on
            channel_days.nmi = channel_classes.nmi
            and channel_days.nmi_suffix = channel_classes.nmi_suffix
            and channel_days.market_date between channel_classes.start_date and channel_classes.end_date
    where
        exists (
            select 1
            from wanted_profiles
            where
                channel_classes.class = wanted_profiles.class
                and channel_days.market_date = wanted_profiles.market_date
        )
    group by channel_classes.class, channel_days.market_date
),

profiles as (
    {{ half_hours_of('profile_days', ['class', 'market_date', 'channel_count']) }}
),

profiled as (
    select
        without_own.nmi,
        without_own.nmi_suffix,
        without_own.market_date,
        profiles.half_hour,
        max(profiles.channel_count) as channel_count,
        max(profiles.energy_kwh) as energy_kwh
    from without_own
    inner join channel_classes
        on
            without_own.nmi = channel_classes.nmi
            and without_own.nmi_suffix = channel_classes.nmi_suffix
            and without_own.market_date between channel_classes.start_date and channel_classes.end_date
    inner join profiles
        on channel_classes.class = profiles.class and without_own.market_date = profiles.market_date
    cross join {{ ref('int_estimation_parameters__list') }} as parameters
    where
        parameters.parameter = 'PROFILE_FEWEST_CHANNELS'
        and {{ date_literal(var('end_day')) }} between parameters.first_date and parameters.last_date
        and profiles.channel_count >= parameters.parameter_value
    group by without_own.nmi, without_own.nmi_suffix, without_own.market_date, profiles.half_hour
),

chosen as (
    select
        gaps.nmi,
        gaps.nmi_suffix,
        gaps.market_date,
        gaps.half_hour,
        gaps.missing_count,
        gaps.interval_count,
        case
            when linear.nmi is not null then 'LINEAR'
            when own_days.like_kwh is not null then 'LIKE_DAY'
            when own_days.average_kwh is not null then 'AVERAGE_LIKE_DAY'
            when own_days.year_kwh is not null then 'PREVIOUS_YEAR'
            when profiled.nmi is not null then 'CLASS_PROFILE'
        end as method,
        coalesce(
            linear.energy_kwh, own_days.like_kwh, own_days.average_kwh, own_days.year_kwh, profiled.energy_kwh
        ) as whole_kwh,
        own_days.first_average_date,
        profiled.channel_count
    from gaps
    left join linear
        on gaps.nmi = linear.nmi and gaps.nmi_suffix = linear.nmi_suffix and gaps.place = linear.place
    left join own_days
        on gaps.nmi = own_days.nmi and gaps.nmi_suffix = own_days.nmi_suffix and gaps.place = own_days.place
    left join profiled
        on
            gaps.nmi = profiled.nmi
            and gaps.nmi_suffix = profiled.nmi_suffix
            and gaps.market_date = profiled.market_date
            and gaps.half_hour = profiled.half_hour
)

select
    nmi,
    nmi_suffix,
    market_date,
    half_hour,
    missing_count,
    interval_count,
    method,
    cast(case
        when missing_count = interval_count then whole_kwh
        else {{ divide('whole_kwh * missing_count', 'interval_count', 14) }}
    end as {{ kwh_type() }}) as filled_kwh,
    cast(case method
        when 'LINEAR' then 'the half hours before and after'
        when 'LIKE_DAY' then {{ text_of(add_days('market_date', -7), 10) }}
        when 'AVERAGE_LIKE_DAY'
            then {{ concat_text([
                "'the same weekday from '", text_of('first_average_date', 10), "' to '",
                text_of(add_days('market_date', -7), 10),
            ]) }}
        when 'PREVIOUS_YEAR' then {{ text_of(add_days('market_date', -364), 10) }}
        else {{ concat_text([text_of('channel_count', 10), "' comparable channels on the day'"]) }}
    end as {{ text_type(200) }}) as taken_from
from chosen
where method is not null
