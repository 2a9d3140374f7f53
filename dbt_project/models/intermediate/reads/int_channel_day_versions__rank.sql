{{ config(
    materialized='incremental',
    incremental_strategy='replace',
    replace_scope='int_channel_days__touched',
    replace_on=['nmi', 'nmi_suffix', 'market_date'],
) }}
{%- set day_key = ['nmi', 'nmi_suffix', 'market_date'] %}
{%- set record_key = ['billing_day', 'source', 'file_name', 'line_number'] %}
{%- set energy %}cast({{ safe_decimal('value_text', 23, 14) }} * kwh_factor as {{ kwh_type() }}){% endset %}
-- One row per delivered version of a channel-day of energy. version_rank 1 is current: the latest read_version_at of all
-- deliveries known (of an API's answers that say the same, the first one's), whichever run works; of equal stamps the one delivered first. is_conflicting marks a channel-day
-- whose latest stamp came with different contents: nothing in the data says which is right. Contents that differ only in how
-- their numbers are written (1.0 and 1.00, Wh and kWh) are the same.
-- depends_on: {{ ref('int_channel_days__touched') }}, {{ ref('int_meter_files__touched') }}
with delivered as (
    select
        nmi,
        nmi_suffix,
        market_date,
        billing_day,
        source,
        file_name,
        line_number,
        read_version_at,
        content_hash,
        interval_length_minutes,
        value_form,
        has_negative_value
    from {{ ref('int_interval_records__check') }}
    where refusal_code is null and kwh_factor is not null
    {%- if is_incremental() %}
    union all
    select
        known.nmi,
        known.nmi_suffix,
        known.market_date,
        known.billing_day,
        known.source,
        known.file_name,
        known.line_number,
        known.read_version_at,
        known.content_hash,
        known.interval_length_minutes,
        known.value_form,
        known.has_negative_value
    from {{ this }} as known
    inner join {{ ref('int_channel_days__touched') }} as touched
        on
            known.nmi = touched.nmi
            and known.nmi_suffix = touched.nmi_suffix
            and known.market_date = touched.market_date
    left join {{ ref('int_meter_files__touched') }} as files
        on
            known.billing_day = files.billing_day
            and known.source = files.source
            and known.file_name = files.file_name
    where
        files.file_name is null
        and known.billing_day not between {{ date_literal(var('start_day')) }} and {{ date_literal(var('end_day')) }}
    {%- endif %}
),

-- The API is asked for a day again and again and stamps nothing: an answer that says what its last one said is no version of
-- its own. It would outrank what a person put right meanwhile.
answers as (
    select
        nmi,
        nmi_suffix,
        market_date,
        billing_day,
        source,
        file_name,
        line_number,
        read_version_at,
        content_hash,
        interval_length_minutes,
        value_form,
        has_negative_value,
        case
            when
                content_hash = lag(content_hash) over (
                    partition by nmi, nmi_suffix, market_date order by read_version_at, content_hash, file_name, line_number
                )
                and min(content_hash) over (partition by nmi, nmi_suffix, market_date, read_version_at)
                = max(content_hash) over (partition by nmi, nmi_suffix, market_date, read_version_at)
                then 1
            else 0
        end as is_repeated
    from delivered
    where source = 'API'
),

stated as (
    select
        nmi,
        nmi_suffix,
        market_date,
        billing_day,
        source,
        file_name,
        line_number,
        read_version_at,
        content_hash,
        interval_length_minutes,
        value_form,
        has_negative_value,
        read_version_at as stated_at
    from delivered
    where source <> 'API'
    union all
    select
        nmi,
        nmi_suffix,
        market_date,
        billing_day,
        source,
        file_name,
        line_number,
        read_version_at,
        content_hash,
        interval_length_minutes,
        value_form,
        has_negative_value,
        max(case when is_repeated = 0 then read_version_at end) over (
            partition by nmi, nmi_suffix, market_date order by read_version_at, content_hash, file_name, line_number
            rows between unbounded preceding and current row
        ) as stated_at
    from answers
),

ranked as (
    select
        nmi,
        nmi_suffix,
        market_date,
        billing_day,
        source,
        file_name,
        line_number,
        read_version_at,
        stated_at,
        content_hash,
        interval_length_minutes,
        value_form,
        has_negative_value,
        row_number() over (
            partition by nmi, nmi_suffix, market_date
            order by stated_at desc, billing_day, source desc, file_name, line_number
        ) as version_rank,
        max(stated_at) over (partition by nmi, nmi_suffix, market_date) as latest_stated_at
    from stated
),

compared as (
    select
        nmi,
        nmi_suffix,
        market_date,
        min(content_hash) as first_hash,
        max(content_hash) as last_hash,
        count(*) as latest_count
    from ranked
    where stated_at = latest_stated_at
    group by nmi, nmi_suffix, market_date
),

-- Few channel-days come twice under one stamp: only theirs are read again, number by number.
doubtful as (
    select
        ranked.nmi,
        ranked.nmi_suffix,
        ranked.market_date,
        ranked.billing_day,
        ranked.source,
        ranked.file_name,
        ranked.line_number,
        records.interval_length_minutes,
        records.quality_method,
        records.reason_code,
        records.kwh_factor,
        records.values_text
    from compared
    inner join ranked
        on
            compared.nmi = ranked.nmi
            and compared.nmi_suffix = ranked.nmi_suffix
            and compared.market_date = ranked.market_date
            and ranked.stated_at = ranked.latest_stated_at
    inner join {{ ref('stg_meter_data__interval_records') }} as records
        on
            ranked.billing_day = records.billing_day
            and ranked.source = records.source
            and ranked.file_name = records.file_name
            and ranked.line_number = records.line_number
    where compared.first_hash <> compared.last_hash
),

doubtful_values as (
    {{ split_record('doubtful', day_key + record_key + [
        'interval_length_minutes', 'quality_method', 'reason_code', 'kwh_factor',
    ]) }}
),

doubtful_numbers as (
    select
        {%- for column in day_key + record_key %}
        {{ column }},
        {%- endfor %}
        {{ concat_text([
            text_of('interval_length_minutes', 6), "'|'", "quality_method", "'|'", text_of('reason_code', 10), "'|'",
            join_text("coalesce(" ~ text_of(energy) ~ ", '')", ',', 'ordinal'),
        ]) }} as numbers_text
    from doubtful_values
    group by
        {{ (day_key + record_key) | join(', ') }}, interval_length_minutes, quality_method, reason_code
),

doubtful_events as (
    select
        {%- for column in record_key %}
        doubtful.{{ column }},
        {%- endfor %}
        {{ join_text(concat_text([
            text_of('events.start_interval', 10), "'-'", text_of('events.end_interval', 10), "' '",
            "events.quality_method", "' '", text_of('events.reason_code', 10),
        ]), ';', 'events.line_number') }} as events_text
    from doubtful
    inner join {{ ref('stg_meter_data__interval_events') }} as events
        on
            doubtful.billing_day = events.billing_day
            and doubtful.source = events.source
            and doubtful.file_name = events.file_name
            and doubtful.line_number = events.parent_line_number
    group by
        {%- for column in record_key %}
        doubtful.{{ column }}{{ "," if not loop.last }}
        {%- endfor %}
),

meanings as (
    select
        numbers.nmi,
        numbers.nmi_suffix,
        numbers.market_date,
        {{ text_hash(concat_text(["numbers.numbers_text", "'|'", "events.events_text"])) }} as meaning_hash
    from doubtful_numbers as numbers
    left join doubtful_events as events
        on
            numbers.billing_day = events.billing_day
            and numbers.source = events.source
            and numbers.file_name = events.file_name
            and numbers.line_number = events.line_number
),

alike as (
    select
        meanings.nmi,
        meanings.nmi_suffix,
        meanings.market_date
    from meanings
    inner join compared
        on
            meanings.nmi = compared.nmi
            and meanings.nmi_suffix = compared.nmi_suffix
            and meanings.market_date = compared.market_date
    group by meanings.nmi, meanings.nmi_suffix, meanings.market_date
    having min(meanings.meaning_hash) = max(meanings.meaning_hash) and count(*) = max(compared.latest_count)
)

select
    ranked.nmi,
    ranked.nmi_suffix,
    ranked.market_date,
    ranked.billing_day,
    ranked.source,
    ranked.file_name,
    ranked.line_number,
    ranked.read_version_at,
    ranked.content_hash,
    ranked.interval_length_minutes,
    ranked.value_form,
    ranked.has_negative_value,
    cast(ranked.version_rank as integer) as version_rank,
    case when compared.first_hash = compared.last_hash or alike.nmi is not null then 0 else 1 end as is_conflicting
from ranked
inner join compared
    on
        ranked.nmi = compared.nmi
        and ranked.nmi_suffix = compared.nmi_suffix
        and ranked.market_date = compared.market_date
left join alike
    on
        ranked.nmi = alike.nmi
        and ranked.nmi_suffix = alike.nmi_suffix
        and ranked.market_date = alike.market_date
