-- Days with more energy than the connection can carry, or many times the mean of the channel's days before. A service
-- point without a capability passes the first test, a channel without a week of history the second.
with history as (
    select
        usage.nmi,
        usage.nmi_suffix,
        usage.market_date,
        usage.usage_kwh,
        judged.first_date,
        judged.last_date,
        {{ filed_under('coalesce(judged.due_billing_day, usage.billing_day)') }} as billing_day,
        sum(usage.usage_kwh) over (
            partition by usage.nmi, usage.nmi_suffix
            order by usage.market_date
            rows between 28 preceding and 1 preceding
        ) as history_kwh,
        count(*) over (
            partition by usage.nmi, usage.nmi_suffix
            order by usage.market_date
            rows between 28 preceding and 1 preceding
        ) as history_day_count
    from {{ ref('fct_daily_usage') }} as usage
    inner join {{ ref('int_nmis__judge') }} as judged
        on
            usage.nmi = judged.nmi
            and usage.market_date <= judged.last_date
            and usage.market_date >= {{ add_days('judged.first_date', -28) }}
    where
        usage.is_conflicting = 0
        and usage.market_date >= (
            select {{ add_days('min(first_date)', -28) }}
            from {{ ref('int_nmis__judge') }}
        )
),

judged_days as (
    select
        nmi,
        nmi_suffix,
        market_date,
        usage_kwh,
        billing_day,
        cast(coalesce(history_kwh, 0) as {{ kwh_type() }}) as history_kwh,
        cast(history_day_count as integer) as history_day_count
    from history
    where market_date between first_date and last_date
),

found as (
    select
        days.nmi,
        days.nmi_suffix,
        days.market_date,
        days.usage_kwh,
        days.billing_day,
        points.connection_capability_kw,
        days.history_kwh,
        days.history_day_count
    from judged_days as days
    left join {{ ref('stg_retailer__service_points') }} as points
        on days.nmi = points.nmi
    where
        days.usage_kwh > points.connection_capability_kw
        * {{ validation_parameter('READ_SPIKE', 'HOURS_AT_CAPABILITY', 'days.market_date') }}
        or (
            days.usage_kwh > {{ validation_parameter('READ_SPIKE', 'MINIMUM_KWH', 'days.market_date') }}
            and days.history_day_count
            >= {{ validation_parameter('READ_SPIKE', 'MINIMUM_HISTORY_DAYS', 'days.market_date') }}
            and days.usage_kwh * days.history_day_count
            > days.history_kwh * {{ validation_parameter('READ_SPIKE', 'HISTORY_FACTOR', 'days.market_date') }}
        )
),

runs as (
    {{ runs_of_days('found', ['nmi', 'nmi_suffix'], {
        'largest_kwh': 'max(usage_kwh)',
        'connection_capability_kw': 'max(connection_capability_kw)',
        'history_kwh': 'max(history_kwh)',
        'history_day_count': 'max(history_day_count)',
        'billing_day': 'max(billing_day)',
    }) }}
)

select
    {{- channel_problem_columns('READ_SPIKE', concat_text([
        "'channel '", "nmi_suffix", "' '", days_in_words(), "': up to '", three_decimals('largest_kwh'),
        "' kWh a day, after '", three_decimals('history_kwh'), "' kWh in the '", text_of('history_day_count'),
        "' days before; connection '",
        "case when connection_capability_kw is null then 'of unknown capability' else "
        ~ concat_text([three_decimals('connection_capability_kw'), "' kW'"]) ~ " end",
    ])) }}
from runs
