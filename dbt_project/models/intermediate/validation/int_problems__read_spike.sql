-- Days whose energy, or whose highest half hour, is many times the mean of the channel's other days in the four weeks
-- before and after, as far as they are known. A channel without a week of such days passes, and so does a day below the
-- absolute limits, which spares looking up the history of most.
with candidates as (
    select
        days.nmi,
        days.nmi_suffix,
        days.market_date,
        {{ week_number('days.market_date') }} as week_number,
        days.usage_kwh,
        days.max_demand_kw,
        days.billing_day,
        parameters.history_factor,
        parameters.minimum_history_days,
        parameters.minimum_kwh,
        parameters.demand_factor,
        parameters.minimum_kw
    from {{ ref('int_channel_days__judge') }} as days
    {{ judged_by('READ_SPIKE', [
        'HISTORY_FACTOR', 'MINIMUM_HISTORY_DAYS', 'MINIMUM_KWH', 'DEMAND_FACTOR', 'MINIMUM_KW',
    ]) }}
    where
        days.is_conflicting = 0
        and (days.usage_kwh > parameters.minimum_kwh or days.max_demand_kw > parameters.minimum_kw)
),

channel_weeks as (
    select distinct
        nmi,
        nmi_suffix,
        week_number
    from candidates
),

around as (
    select
        channel_weeks.nmi,
        channel_weeks.nmi_suffix,
        channel_weeks.week_number,
        cast(sum(weeks.day_count) as integer) as day_count,
        cast(sum(weeks.usage_kwh) as {{ kwh_type() }}) as usage_kwh,
        cast(sum(weeks.demand_kw_sum) as {{ kw_type() }}) as demand_kw_sum
    from channel_weeks
    inner join {{ ref('int_channel_weeks__sum') }} as weeks
        on
            channel_weeks.nmi = weeks.nmi
            and channel_weeks.nmi_suffix = weeks.nmi_suffix
            and weeks.week_number between channel_weeks.week_number - 4 and channel_weeks.week_number + 4
    where weeks.week_number >= (select min(week_number) - 4 from candidates)
    group by channel_weeks.nmi, channel_weeks.nmi_suffix, channel_weeks.week_number
),

compared as (
    select
        candidates.nmi,
        candidates.nmi_suffix,
        candidates.market_date,
        candidates.usage_kwh,
        candidates.max_demand_kw,
        candidates.billing_day,
        candidates.history_factor,
        candidates.minimum_history_days,
        candidates.minimum_kwh,
        candidates.demand_factor,
        candidates.minimum_kw,
        around.day_count - 1 as other_day_count,
        around.usage_kwh - candidates.usage_kwh as other_kwh,
        around.demand_kw_sum - candidates.max_demand_kw as other_demand_kw_sum
    from candidates
    inner join around
        on
            candidates.nmi = around.nmi
            and candidates.nmi_suffix = around.nmi_suffix
            and candidates.week_number = around.week_number
),

found as (
    select
        nmi,
        nmi_suffix,
        market_date,
        usage_kwh,
        max_demand_kw,
        other_kwh,
        other_day_count,
        billing_day
    from compared
    where
        other_day_count >= minimum_history_days
        and (
            (usage_kwh > minimum_kwh and usage_kwh * other_day_count > other_kwh * history_factor)
            or (max_demand_kw > minimum_kw and max_demand_kw * other_day_count > other_demand_kw_sum * demand_factor)
        )
),

runs as (
    {{ runs_of_days('found', ['nmi', 'nmi_suffix'], {
        'largest_kwh': 'max(usage_kwh)',
        'largest_kw': 'max(max_demand_kw)',
        'other_kwh': 'max(other_kwh)',
        'other_day_count': 'max(other_day_count)',
        'billing_day': 'max(billing_day)',
    }) }}
)

select
    {{- channel_problem_columns('READ_SPIKE', concat_text([
        "'channel '", "nmi_suffix", "' '", days_in_words(), "': up to '", three_decimals('largest_kwh'),
        "' kWh a day and '", three_decimals('largest_kw'), "' kW, against '", three_decimals('other_kwh'),
        "' kWh in the '", text_of('other_day_count'), "' other days of the weeks around'",
    ])) }}
from runs
