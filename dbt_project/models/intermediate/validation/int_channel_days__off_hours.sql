-- One row per channel-day and rule that looks at the hours of its energy: what flowed between the rule's hours. Half hours are
-- read once here, for controlled loads and for energy sent to the grid; the rules filter these rows.
with wanted as (
    select
        'LOAD_AT_WRONG_HOURS' as rule_code,
        days.nmi,
        days.nmi_suffix,
        days.market_date,
        days.usage_kwh,
        days.billing_day,
        parameters.first_hour,
        parameters.end_hour,
        parameters.minimum_kwh,
        parameters.share
    from {{ ref('int_channel_days__judge') }} as days
    {{ judged_by('LOAD_AT_WRONG_HOURS', ['FIRST_HOUR', 'END_HOUR', 'SHARE', 'MINIMUM_KWH']) }}
    where
        days.section = 'CONTROLLED_LOAD'
        and days.usage_kwh > parameters.minimum_kwh
        and days.is_conflicting = 0
    union all
    select
        'EXPORT_AT_NIGHT' as rule_code,
        days.nmi,
        days.nmi_suffix,
        days.market_date,
        days.usage_kwh,
        days.billing_day,
        parameters.first_hour,
        parameters.end_hour,
        parameters.minimum_kwh,
        0 as share
    from {{ ref('int_channel_days__judge') }} as days
    {{ judged_by('EXPORT_AT_NIGHT', ['FIRST_HOUR', 'END_HOUR', 'MINIMUM_KWH']) }}
    where
        days.nmi_suffix like 'B%'
        and days.usage_kwh > parameters.minimum_kwh
        and days.is_conflicting = 0
),

measured as (
    select
        wanted.rule_code,
        wanted.nmi,
        wanted.nmi_suffix,
        wanted.market_date,
        wanted.usage_kwh,
        wanted.billing_day,
        wanted.minimum_kwh,
        wanted.share,
        {{ energy_between('half_hours', 'wanted.first_hour', 'wanted.end_hour') }} as off_hours_kwh
    from wanted
    inner join {{ ref('int_channel_days__current') }} as half_hours
        on
            wanted.nmi = half_hours.nmi
            and wanted.nmi_suffix = half_hours.nmi_suffix
            and wanted.market_date = half_hours.market_date
    where half_hours.market_date >= (select min(days.market_date) from wanted as days)
)

select
    rule_code,
    nmi,
    nmi_suffix,
    market_date,
    usage_kwh,
    off_hours_kwh,
    billing_day
from measured
where off_hours_kwh > minimum_kwh and off_hours_kwh > usage_kwh * share
