-- Registers that counted something else than was delivered: a basic meter's record against its two reads, and a channel's
-- intervals against what its register counted (index reads of 500 records; NEM13 records and the retailer's readings
-- of the same channel). A read falls somewhere into its day, so the sum may take the days of the two reads or leave them.
-- Without the register's multiplier, a second read, or with days missing in between nothing is compared, nor is what a register
-- counted that went backwards: it has a rule of its own, and one cause is one problem.
with backwards as (
    select distinct
        nmi,
        nmi_suffix,
        first_market_date,
        last_market_date
    from {{ ref('int_register_reads__judge') }}
    where is_rolled_over = 0
),

stated_reads as (
    select
        nmi,
        nmi_suffix,
        meter_class,
        jurisdiction,
        first_market_date,
        last_market_date,
        energy_kwh,
        cast(
            abs(
                current_register_read - previous_register_read
                + case
                    when
                        current_register_read < previous_register_read
                        and coalesce(direction_indicator, 'E') <> 'I'
                        then turn_reading
                    else 0
                end
            ) * multiplier as {{ kwh_type() }}
        ) as register_kwh,
        billing_day
    from {{ ref('int_accumulation_records__judge') }}
    where
        multiplier is not null
        and upper(unit) = 'KWH'
        and is_conflicting = 0
        and first_market_date <= last_market_date
),

indexed_channels as (
    select distinct
        days.nmi,
        days.nmi_suffix,
        days.meter_class,
        days.jurisdiction,
        days.billing_day
    from {{ ref('int_channel_days__judge') }} as days
    inner join {{ ref('stg_meter_data__b2b_details') }} as details
        on
            days.delivered_on = details.billing_day
            and days.source = details.source
            and days.file_name = details.file_name
            and days.line_number = details.parent_line_number
    where details.record_indicator = '500' and details.index_read is not null and details.read_at is not null
),

channels as (
    select
        nmi,
        nmi_suffix,
        meter_class,
        jurisdiction,
        max(billing_day) as billing_day
    from indexed_channels
    group by nmi, nmi_suffix, meter_class, jurisdiction
),

index_reads as (
    select
        channels.nmi,
        channels.nmi_suffix,
        channels.meter_class,
        channels.jurisdiction,
        channels.billing_day,
        coalesce(versions.serial_number, '') as serial_number,
        {{ market_date_of('details.read_at') }} as read_date,
        details.read_at,
        details.index_read
    from channels
    inner join {{ ref('int_channel_days__current') }} as versions
        on channels.nmi = versions.nmi and channels.nmi_suffix = versions.nmi_suffix
    inner join {{ ref('stg_meter_data__b2b_details') }} as details
        on
            versions.billing_day = details.billing_day
            and versions.source = details.source
            and versions.file_name = details.file_name
            and versions.line_number = details.parent_line_number
    {{ judged_by('SUM_DIFFERS', ['LOOKBACK_DAYS'], 'channels', 'billing_day') }}
    where
        details.record_indicator = '500'
        and details.index_read is not null
        and details.read_at is not null
        and {{ days_between('versions.market_date', 'channels.billing_day') }} <= parameters.lookback_days
),

ends as (
    select
        nmi,
        nmi_suffix,
        meter_class,
        jurisdiction,
        serial_number,
        max(billing_day) as billing_day,
        min(read_at) as first_read_at,
        max(read_at) as last_read_at
    from index_reads
    group by nmi, nmi_suffix, meter_class, jurisdiction, serial_number
),

index_spans as (
    select
        ends.nmi,
        ends.nmi_suffix,
        ends.meter_class,
        ends.jurisdiction,
        min(earlier.read_date) as first_market_date,
        max(later.read_date) as last_market_date,
        min(later.index_read) - min(earlier.index_read) as advance,
        ends.billing_day
    from ends
    inner join index_reads as earlier
        on
            ends.nmi = earlier.nmi
            and ends.nmi_suffix = earlier.nmi_suffix
            and ends.serial_number = earlier.serial_number
            and ends.first_read_at = earlier.read_at
    inner join index_reads as later
        on
            ends.nmi = later.nmi
            and ends.nmi_suffix = later.nmi_suffix
            and ends.serial_number = later.serial_number
            and ends.last_read_at = later.read_at
    where ends.first_read_at < ends.last_read_at
    group by
        ends.nmi, ends.nmi_suffix, ends.meter_class, ends.jurisdiction, ends.serial_number, ends.billing_day,
        ends.first_read_at, ends.last_read_at
    having min(later.index_read) = max(later.index_read) and min(earlier.index_read) = max(earlier.index_read)
),

registers as (
    select
        devices.nmi,
        registers.nmi_suffix,
        min(registers.multiplier) as multiplier,
        min({{ register_turn('registers.integer_places') }}) as turn_reading
    from {{ ref('stg_retailer__registers') }} as registers
    inner join {{ ref('stg_retailer__devices') }} as devices
        on registers.device_id = devices.device_id
    where
        registers.usage_type <> 'DEMAND'
        and exists (
            select 1
            from index_spans
            where index_spans.nmi = devices.nmi
        )
    group by devices.nmi, registers.nmi_suffix
    having min(registers.multiplier) = max(registers.multiplier)
),

spans as (
    select
        index_spans.nmi,
        index_spans.nmi_suffix,
        index_spans.meter_class,
        index_spans.jurisdiction,
        index_spans.first_market_date,
        index_spans.last_market_date,
        cast(
            (
                index_spans.advance
                + case when index_spans.advance < 0 then coalesce(registers.turn_reading, 0) else 0 end
            ) * registers.multiplier as {{ kwh_type() }}
        ) as register_kwh,
        1 as is_index,
        index_spans.billing_day
    from index_spans
    inner join registers
        on index_spans.nmi = registers.nmi and index_spans.nmi_suffix = registers.nmi_suffix
    union all
    select
        spread.nmi,
        spread.nmi_suffix,
        coalesce(points.meter_type, 'UNKNOWN') as meter_class,
        coalesce(points.jurisdiction, 'UNKNOWN') as jurisdiction,
        {{ add_days('spread.first_date', -1) }} as first_market_date,
        spread.last_date as last_market_date,
        abs(spread.energy_kwh) as register_kwh,
        0 as is_index,
        {{ filed_under('coalesce(judged.due_billing_day, spread.last_date)') }} as billing_day
    from {{ ref('int_accumulation_reads__span') }} as spread
    inner join {{ ref('int_nmis__judge') }} as judged
        on
            spread.nmi = judged.nmi
            and spread.last_date >= judged.first_date
            and spread.first_date <= judged.last_date
    left join {{ ref('stg_retailer__service_points') }} as points
        on spread.nmi = points.nmi
    where spread.time_band = 'ALL' and spread.is_estimated = 0
),

interval_sums as (
    select
        spans.nmi,
        spans.nmi_suffix,
        spans.meter_class,
        spans.jurisdiction,
        spans.first_market_date,
        spans.last_market_date,
        spans.register_kwh,
        spans.is_index,
        spans.billing_day,
        cast(count(*) as integer) as day_count,
        sum(case
            when usage.market_date > spans.first_market_date and usage.market_date < spans.last_market_date then 1
            else 0
        end) as inner_day_count,
        cast(sum(usage.missing_interval_count) as integer) as missing_interval_count,
        cast(sum(usage.usage_kwh) as {{ kwh_type() }}) as most_kwh,
        cast(sum(case
            when usage.market_date > spans.first_market_date and usage.market_date < spans.last_market_date
                then usage.usage_kwh
            else 0
        end) as {{ kwh_type() }}) as least_kwh
    from spans
    inner join {{ ref('fct_daily_usage') }} as usage
        on
            spans.nmi = usage.nmi
            and spans.nmi_suffix = usage.nmi_suffix
            and usage.market_date between spans.first_market_date and spans.last_market_date
    where usage.is_conflicting = 0 and usage.market_date >= (select min(all_spans.first_market_date) from spans as all_spans)
    group by
        spans.nmi, spans.nmi_suffix, spans.meter_class, spans.jurisdiction, spans.first_market_date,
        spans.last_market_date, spans.register_kwh, spans.is_index, spans.billing_day
),

compared as (
    select
        nmi,
        nmi_suffix,
        meter_class,
        jurisdiction,
        first_market_date,
        last_market_date,
        register_kwh,
        least_kwh,
        most_kwh,
        is_index,
        billing_day
    from interval_sums
    where
        missing_interval_count = 0
        and day_count >= {{ days_between('first_market_date', 'last_market_date') }}
        and inner_day_count = {{ days_between('first_market_date', 'last_market_date') }} - 1
    union all
    select
        nmi,
        nmi_suffix,
        meter_class,
        jurisdiction,
        first_market_date,
        last_market_date,
        register_kwh,
        abs(energy_kwh) as least_kwh,
        abs(energy_kwh) as most_kwh,
        0 as is_index,
        billing_day
    from stated_reads
),

found as (
    select
        compared.nmi,
        compared.nmi_suffix,
        compared.first_market_date,
        compared.last_market_date,
        compared.register_kwh,
        compared.least_kwh,
        compared.most_kwh,
        compared.billing_day
    from compared
    {{ judged_by('SUM_DIFFERS', ['TOLERANCE_SHARE', 'TOLERANCE_KWH'], 'compared', 'last_market_date') }}
    left join backwards
        on
            compared.is_index = 0
            and compared.nmi = backwards.nmi
            and compared.nmi_suffix = backwards.nmi_suffix
            and compared.first_market_date = backwards.first_market_date
            and compared.last_market_date = backwards.last_market_date
    where
        backwards.nmi is null
        and (
            compared.register_kwh
            < compared.least_kwh - compared.least_kwh * parameters.tolerance_share - parameters.tolerance_kwh
            or compared.register_kwh
            > compared.most_kwh + compared.most_kwh * parameters.tolerance_share + parameters.tolerance_kwh
        )
),

distinct_spans as (
    select
        nmi,
        nmi_suffix,
        first_market_date,
        last_market_date,
        max(register_kwh) as register_kwh,
        min(least_kwh) as least_kwh,
        max(most_kwh) as most_kwh,
        max(billing_day) as billing_day
    from found
    group by nmi, nmi_suffix, first_market_date, last_market_date
)

select
    {{- channel_problem_columns('SUM_DIFFERS', concat_text([
        "'channel '", "nmi_suffix", "' from '", text_of('first_market_date', 10), "' to '",
        text_of('last_market_date', 10), "': the register counted '", three_decimals('register_kwh'),
        "' kWh, delivered were '", three_decimals('most_kwh'), "' kWh'",
        "case when least_kwh = most_kwh then '' else "
        ~ concat_text(["' with the days of the reads, '", three_decimals('least_kwh'), "' without'"]) ~ " end",
    ])) }}
from distinct_spans
