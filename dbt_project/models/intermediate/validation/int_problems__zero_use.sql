-- Runs of days on which a contract's site used nothing at all: nobody is there, the meter stands still, or its main switch
-- is off. Shorter runs, vacant sites and controlled loads pass. Days come one by one: the days before those that this run judges
-- are looked up for channels that stand at zero now.
with judged as (
    select
        days.nmi,
        days.nmi_suffix,
        days.market_date,
        parameters.minimum_days,
        days.billing_day
    from {{ ref('int_channel_days__judge') }} as days
    {{ judged_by('ZERO_USE', ['MINIMUM_DAYS']) }}
    where
        days.nmi_suffix like 'E%'
        and days.section <> 'CONTROLLED_LOAD'
        and days.site_state = 'HELD'
        and days.usage_kwh = 0
        and days.missing_interval_count = 0
        and days.is_conflicting = 0
),

looks as (
    select
        nmi,
        nmi_suffix,
        min(market_date) as first_date,
        max(minimum_days) as minimum_days,
        max(billing_day) as billing_day
    from judged
    group by nmi, nmi_suffix
),

earlier as (
    select
        looks.nmi,
        looks.nmi_suffix,
        daily_usage.market_date,
        looks.minimum_days,
        looks.billing_day
    from looks
    inner join {{ ref('fct_daily_usage') }} as daily_usage
        on looks.nmi = daily_usage.nmi and looks.nmi_suffix = daily_usage.nmi_suffix
    where
        daily_usage.market_date < looks.first_date
        and daily_usage.market_date >= {{ add_days('looks.first_date', '-1 * cast(looks.minimum_days as integer)') }}
        and daily_usage.market_date >= (
            select {{ add_days('min(every_look.first_date)', '-1 * cast(max(every_look.minimum_days) as integer)') }}
            from looks as every_look
        )
        and daily_usage.usage_kwh = 0
        and daily_usage.missing_interval_count = 0
        and daily_usage.is_conflicting = 0
        and exists (
            select 1
            from {{ ref('stg_retailer__contracts') }} as contracts
            where
                contracts.nmi = daily_usage.nmi
                and daily_usage.market_date >= contracts.start_date
                and daily_usage.market_date <= coalesce(contracts.end_date, {{ date_literal('9999-12-31') }})
        )
),

found as (
    select
        nmi,
        nmi_suffix,
        market_date,
        minimum_days,
        billing_day,
        1 as is_judged
    from judged
    union all
    select
        nmi,
        nmi_suffix,
        market_date,
        minimum_days,
        billing_day,
        0 as is_judged
    from earlier
),

runs as (
    {{ runs_of_days('found', ['nmi', 'nmi_suffix'], {
        'minimum_days': 'max(minimum_days)',
        'judged_count': 'sum(is_judged)',
        'billing_day': 'max(billing_day)',
    }) }}
)

select
    {{- channel_problem_columns('ZERO_USE', concat_text([
        "'channel '", "nmi_suffix", "' '", days_in_words(), "': nothing was used'",
    ])) }}
from runs
where day_count >= minimum_days and judged_count > 0
