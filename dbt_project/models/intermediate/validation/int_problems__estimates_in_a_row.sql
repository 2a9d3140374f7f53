-- Channels whose days, and registers whose reads, have been estimates for longer than the limit: nobody has seen the meter.
-- Days are looked up as weeks (int_channel_weeks__sum): every day of the four weeks before and of the day's own.
with estimated as (
    select
        days.nmi,
        days.nmi_suffix,
        days.market_date,
        {{ week_number('days.market_date') }} as week_number,
        parameters.limit_days,
        days.billing_day
    from {{ ref('int_channel_days__judge') }} as days
    {{ judged_by('ESTIMATES_IN_A_ROW', ['LIMIT_DAYS']) }}
    where days.estimated_interval_count = days.value_count
),

channel_weeks as (
    select distinct
        nmi,
        nmi_suffix,
        week_number
    from estimated
),

before as (
    select
        channel_weeks.nmi,
        channel_weeks.nmi_suffix,
        channel_weeks.week_number,
        cast(sum(weeks.day_count) as integer) as day_count,
        cast(sum(weeks.estimated_day_count) as integer) as estimated_day_count
    from channel_weeks
    inner join {{ ref('int_channel_weeks__sum') }} as weeks
        on
            channel_weeks.nmi = weeks.nmi
            and channel_weeks.nmi_suffix = weeks.nmi_suffix
            and weeks.week_number between channel_weeks.week_number - 4 and channel_weeks.week_number
    group by channel_weeks.nmi, channel_weeks.nmi_suffix, channel_weeks.week_number
),

found as (
    select
        estimated.nmi,
        estimated.nmi_suffix,
        estimated.market_date,
        estimated.billing_day
    from estimated
    inner join before
        on
            estimated.nmi = before.nmi
            and estimated.nmi_suffix = before.nmi_suffix
            and estimated.week_number = before.week_number
    where before.estimated_day_count = before.day_count and before.day_count > estimated.limit_days
),

runs as (
    {{ runs_of_days('found', ['nmi', 'nmi_suffix'], {'billing_day': 'max(billing_day)'}) }}
),

records as (
    select
        judged.nmi,
        judged.nmi_suffix,
        judged.register_id,
        judged.meter_class,
        judged.jurisdiction,
        judged.last_market_date,
        judged.billing_day
    from {{ ref('int_accumulation_records__judge') }} as judged
    where judged.current_quality_flag = 'E'
),

reads_before as (
    select
        records.nmi,
        records.nmi_suffix,
        records.register_id,
        records.meter_class,
        records.jurisdiction,
        records.last_market_date,
        records.billing_day,
        max(case when others.current_quality_flag <> 'E' then others.current_read_date end) as last_seen_date
    from records
    inner join {{ ref('int_accumulation_records__current') }} as others
        on
            records.nmi = others.nmi
            and records.nmi_suffix = others.nmi_suffix
            and coalesce(records.register_id, '') = others.register_id
            and others.current_read_date <= records.last_market_date
    group by
        records.nmi, records.nmi_suffix, records.register_id, records.meter_class, records.jurisdiction,
        records.last_market_date, records.billing_day
),

estimated_reads as (
    select
        reads_before.nmi,
        reads_before.nmi_suffix,
        reads_before.register_id,
        reads_before.meter_class,
        reads_before.jurisdiction,
        reads_before.last_market_date,
        reads_before.billing_day,
        min(others.current_read_date) as first_market_date,
        cast(count(distinct others.current_read_date) as integer) as read_count
    from reads_before
    inner join {{ ref('int_accumulation_records__current') }} as others
        on
            reads_before.nmi = others.nmi
            and reads_before.nmi_suffix = others.nmi_suffix
            and coalesce(reads_before.register_id, '') = others.register_id
            and others.current_read_date <= reads_before.last_market_date
            and others.current_read_date > coalesce(reads_before.last_seen_date, {{ date_literal('1900-01-01') }})
    group by
        reads_before.nmi, reads_before.nmi_suffix, reads_before.register_id, reads_before.meter_class,
        reads_before.jurisdiction, reads_before.last_market_date, reads_before.billing_day
),

found_reads as (
    select
        estimated_reads.nmi,
        estimated_reads.nmi_suffix,
        min(estimated_reads.first_market_date) as first_market_date,
        max(estimated_reads.last_market_date) as last_market_date,
        max(estimated_reads.read_count) as read_count,
        max(estimated_reads.billing_day) as billing_day
    from estimated_reads
    {{ judged_by('ESTIMATES_IN_A_ROW', ['LIMIT_READS'], 'estimated_reads', 'last_market_date') }}
    where estimated_reads.read_count > parameters.limit_reads
    group by estimated_reads.nmi, estimated_reads.nmi_suffix
)

select
    {{- channel_problem_columns('ESTIMATES_IN_A_ROW', concat_text([
        "'channel '", "nmi_suffix", "' '", days_in_words(), "': estimated, like all days of the four weeks before'",
    ])) }}
from runs

union all
select
    {{- channel_problem_columns('ESTIMATES_IN_A_ROW', concat_text([
        "'register '", "nmi_suffix", "': '", text_of('read_count'), "' estimated reads in a row from '",
        text_of('first_market_date', 10), "' to '", text_of('last_market_date', 10),
    ])) }}
from found_reads
