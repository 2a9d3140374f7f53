{{ config(tags=['reporting']) }}
-- Which rules could judge the channels of a day's bills, and which had to pass for want of data: counts, so that a meter
-- without history is no noise in the queue.
with channels as (
    select
        bills.billing_day,
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date,
        bills.nmi,
        registers.nmi_suffix,
        points.connection_capability_kw
    from {{ ref('fct_shadow_bills') }} as bills
    inner join {{ ref('int_registers__configured') }} as registers
        on bills.nmi = registers.nmi
    left join {{ ref('stg_retailer__service_points') }} as points
        on bills.nmi = points.nmi
    where substring(registers.nmi_suffix, 1, 1) in ('B', 'E')
),

histories as (
    select
        channels.contract_id,
        channels.period_start_date,
        channels.nmi_suffix,
        sum(case
            when weeks.week_number >= {{ week_number('channels.period_start_date') }} - 4 then weeks.day_count else 0
        end) over (
            partition by channels.contract_id, channels.period_start_date, channels.nmi_suffix
        ) as near_day_count,
        sum(case
            when
                weeks.week_number >= {{ week_number('channels.period_start_date') }} - 52
                and weeks.week_number <= {{ week_number('channels.period_end_date') }} - 52
                then weeks.day_count
            else 0
        end) over (
            partition by channels.contract_id, channels.period_start_date, channels.nmi_suffix
        ) as last_year_day_count
    from channels
    inner join {{ ref('int_channel_weeks__sum') }} as weeks
        on
            channels.nmi = weeks.nmi
            and channels.nmi_suffix = weeks.nmi_suffix
            and weeks.week_number >= {{ week_number('channels.period_start_date') }} - 52
            and weeks.week_number <= {{ week_number('channels.period_end_date') }} + 4
),

known as (
    select distinct
        contract_id,
        period_start_date,
        nmi_suffix,
        near_day_count,
        last_year_day_count
    from histories
),

judged as (
    select
        channels.billing_day,
        'READ_IMPOSSIBLE' as rule_code,
        case when channels.connection_capability_kw is null then 'no connection capability' end as reason
    from channels
    union all
    select
        channels.billing_day,
        'READ_SPIKE' as rule_code,
        case when coalesce(known.near_day_count, 0) <= {{ validation_parameter('READ_SPIKE', 'MINIMUM_HISTORY_DAYS', 'channels.billing_day') }} then 'no week of history' end as reason
    from channels
    left join known
        on
            channels.contract_id = known.contract_id
            and channels.period_start_date = known.period_start_date
            and channels.nmi_suffix = known.nmi_suffix
    union all
    select
        channels.billing_day,
        'SEASON_HIGH_LOW' as rule_code,
        case when coalesce(known.last_year_day_count, 0) < {{ validation_parameter('SEASON_HIGH_LOW', 'MINIMUM_DAYS', 'channels.billing_day') }} then 'no history of a year before' end as reason
    from channels
    left join known
        on
            channels.contract_id = known.contract_id
            and channels.period_start_date = known.period_start_date
            and channels.nmi_suffix = known.nmi_suffix
    where channels.nmi_suffix like 'E%'
)

select
    billing_day,
    cast(rule_code as {{ text_type(40) }}) as rule_code,
    cast(case when reason is null then 'EVALUATED' else 'NOT_EVALUATED' end as {{ text_type(20) }}) as outcome,
    cast(coalesce(reason, '') as {{ text_type(60) }}) as reason,
    cast(count(*) as integer) as channel_count
from judged
group by billing_day, rule_code, reason
