-- Qualities, methods and reasons that do not go together (quality_trouble), of records (300), their interval events (400) and
-- the two reads of a basic meter (250); an event that contradicts its record, as only a V leaves the quality to events; a day of
-- an alarm (79 outage, 61 tamper, 89 time reset) whose events are missing. The values are used as their quality says. An API
-- gives no methods. A flag that is none at its place (V on an event or a basic meter's read) belongs to EVENTS_INCOMPLETE
-- and QUALITY_INVALID, which hold the bill.
with days as (
    select
        nmi,
        nmi_suffix,
        market_date,
        file_name,
        line_number,
        delivered_on,
        quality_method,
        quality_flag,
        reason_code,
        event_count,
        billing_day
    from {{ ref('int_channel_days__judge') }}
    where
        source = 'FILE'
        and quality_flag in ('A', 'S', 'F', 'E', 'V')
        and (quality_method <> 'A' or reason_code in (61, 79, 89) or event_count > 0)
),

events as (
    select
        days.nmi,
        days.nmi_suffix,
        days.market_date,
        events.quality_method,
        events.quality_flag,
        events.reason_code,
        days.quality_method as record_quality_method,
        days.quality_flag as record_quality_flag,
        days.billing_day
    from days
    inner join {{ ref('stg_meter_data__interval_events') }} as events
        on
            days.delivered_on = events.billing_day
            and days.file_name = events.file_name
            and days.line_number = events.parent_line_number
    where
        days.event_count > 0
        and events.source = 'FILE'
        and events.quality_flag in ('A', 'S', 'F', 'E')
        -- Said once more for the whole table, which keeps years: it lets the scan skip them.
        and events.billing_day >= (
            select min(with_events.delivered_on)
            from days as with_events
            where with_events.event_count > 0
        )
),

judged as (
    select
        nmi,
        nmi_suffix,
        market_date,
        'the quality ' as what,
        quality_method,
        billing_day,
        coalesce(
            {{ quality_trouble('quality_flag', 'quality_method', 'reason_code') }},
            case
                when quality_flag = 'A' and reason_code in (61, 79, 89) and event_count = 0
                    then 'has the reason of an alarm and no interval events'
            end
        ) as trouble
    from days
    union
    select
        nmi,
        nmi_suffix,
        market_date,
        'the quality of an interval event ' as what,
        quality_method,
        billing_day,
        coalesce(
            {{ quality_trouble('quality_flag', 'quality_method', 'reason_code') }},
            case
                when record_quality_flag <> 'V' and quality_flag <> record_quality_flag
                    then {{ concat_text(["'is not the record''s own '", "record_quality_method"]) }}
            end
        ) as trouble
    from events
),

found as (
    select
        nmi,
        nmi_suffix,
        market_date,
        what,
        quality_method,
        trouble,
        billing_day
    from judged
    where trouble is not null
),

runs as (
    {{ runs_of_days('found', ['nmi', 'nmi_suffix', 'what', 'quality_method', 'trouble'], {'billing_day': 'max(billing_day)'}) }}
),

reads as (
    select
        nmi,
        nmi_suffix,
        first_market_date,
        last_market_date,
        first_market_date as read_date,
        previous_quality_method as quality_method,
        {{ quality_trouble('previous_quality_flag', 'previous_quality_method', 'previous_reason_code') }} as trouble,
        billing_day
    from {{ ref('int_accumulation_records__judge') }}
    where source = 'FILE' and previous_quality_flag in ('A', 'S', 'F', 'E')
    union all
    select
        nmi,
        nmi_suffix,
        first_market_date,
        last_market_date,
        last_market_date as read_date,
        current_quality_method as quality_method,
        {{ quality_trouble('current_quality_flag', 'current_quality_method', 'current_reason_code') }} as trouble,
        billing_day
    from {{ ref('int_accumulation_records__judge') }}
    where source = 'FILE' and current_quality_flag in ('A', 'S', 'F', 'E')
)

select
    'QUALITY_COMBINATION' as rule_code,
    {{ concat_text(["nmi", "'|'", "nmi_suffix", "'|'", "what", "'|'", "quality_method", "'|'", "trouble"]) }} as subject,
    nmi,
    nmi_suffix,
    cast(null as {{ text_type(20) }}) as contract_id,
    first_market_date,
    last_market_date,
    billing_day,
    {{ concat_text(["'channel '", "nmi_suffix", "' '", days_in_words(), "': '", "what", "quality_method", "' '", "trouble"]) }}
        as detail
from runs

union all
select
    'QUALITY_COMBINATION' as rule_code,
    {{ concat_text([
        "nmi", "'|'", "nmi_suffix", "'|read of '", text_of('read_date', 10), "'|'", "quality_method", "'|'", "trouble",
    ]) }} as subject,
    nmi,
    nmi_suffix,
    cast(null as {{ text_type(20) }}) as contract_id,
    first_market_date,
    last_market_date,
    billing_day,
    {{ concat_text([
        "'register '", "nmi_suffix", "' read on '", text_of('read_date', 10), "': the quality '", "quality_method", "' '",
        "trouble",
    ]) }} as detail
from reads
where trouble is not null
