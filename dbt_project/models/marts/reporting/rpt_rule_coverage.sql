{{
    config(
        materialized='incremental',
        incremental_strategy='replace',
        replace_scope='int_billing_days__touched',
        replace_on=['billing_day'],
        on_schema_change='append_new_columns',
        tags=['reporting'],
    )
}}
{#- Per rule: the channels it is about; what it needs beside the read itself, as (condition, reason) in the order asked; and a
    parameter that must be in force, with what is known of the history that must reach it. -#}
{%- set interval_channel = "channels.kind = 'INTERVAL'" -%}
{%- set basic_channel = "channels.kind = 'BASIC'" -%}
{%- set delivered = interval_channel ~ " and delivered.day_count > 0" -%}
{%- set no_site = ("channels.is_known_site = 0", "site not in the retailer database") -%}
{%- set rules = [
    ('READ_IMPOSSIBLE', '1 = 1', [
        ("coalesce(channels.connection_capability_kw, 0) <= 0", "no connection capability")
    ], 'DEMAND_FACTOR', none, none),
    ('READ_SPIKE', interval_channel, [], 'MINIMUM_HISTORY_DAYS', 'coalesce(histories.near_day_count, 0) - 1', 'too little history around'),
    ('SEASON_HIGH_LOW', interval_channel ~ " and channels.nmi_suffix like 'E%'", [],
        'MINIMUM_DAYS', 'coalesce(histories.last_year_day_count, 0)', 'no history of a year before'),
    ('ESTIMATES_IN_A_ROW', interval_channel, [], 'LIMIT_DAYS',
        'coalesce(histories.recent_day_count, 0) - 1', 'less history than the limit'),
    ('ESTIMATES_IN_A_ROW', basic_channel, [], 'LIMIT_READS',
        'coalesce(basic_reads.read_count, 0) - 1', 'less history than the limit'),
    ('ZERO_USE', interval_channel ~ " and channels.nmi_suffix like 'E%'", [no_site], 'MINIMUM_DAYS', none, none),
    ('VACANT_USE', interval_channel ~ " and channels.nmi_suffix like 'E%'", [no_site], 'MINIMUM_KWH', none, none),
    ('LOAD_AT_WRONG_HOURS', interval_channel ~ " and channels.nmi_suffix like 'E%' and coalesce(channels.section, '-') <> 'TARIFF_PERIOD'", [
        ("channels.section is null", "no register says what the channel is for")
    ], 'FIRST_HOUR', none, none),
    ('EXPORT_AT_NIGHT', interval_channel ~ " and channels.nmi_suffix like 'B%'", [], 'FIRST_HOUR', none, none),
    ('SUM_DIFFERS', '1 = 1', [
        ("coalesce(registers.least_multiplier, -1) <> coalesce(registers.greatest_multiplier, -2)", "no one multiplier of its register"),
        (interval_channel ~ " and coalesce(index_reads.read_count, 0) < 2 and coalesce(spans.span_count, 0) = 0", "no two reads of its register"),
        (basic_channel ~ " and coalesce(basic_reads.record_count, 0) = 0", "no energy delivered beside its reads"),
    ], 'TOLERANCE_KWH', none, none),
    ('REGISTER_BACKWARDS', basic_channel, [
        ("coalesce(basic_reads.register_read_count, 0) = 0 and coalesce(spans.span_count, 0) = 0", "no two reads of its register")
    ], none, none, none),
    ('SUFFIX_NOT_CONFIGURED', delivered, [
        ("delivered.configuration_count = 0 and channels.is_configured_nmi = 0", "no NMI configuration and no registers")
    ], none, none, none),
    ('SERIAL_DIFFERS', delivered, [
        ("delivered.serial_count = 0", "no meter number delivered"),
        ("channels.is_known_meter = 0", "no meter number in the retailer database"),
    ], none, none, none),
    ('NMI_CHECKSUM', delivered, [("delivered.check_digit_count = 0", "no check digit delivered")], none, none, none),
    ('QUALITY_COMBINATION', delivered, [("delivered.method_count = 0", "the source gives no methods")], none, none, none),
] -%}
-- Which rules could judge the channels of a day's bills, and which had to pass for want of data or of parameters in force for
-- the meter class and jurisdiction: counts, so that a meter without history is no noise in the queue.
-- depends_on: {{ ref('int_billing_days__touched') }}
with bills as (
    select
        bills.billing_day,
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date,
        bills.nmi
    from {{ ref('fct_shadow_bills') }} as bills
    inner join {{ ref('int_billing_days__touched') }} as touched
        on bills.billing_day = touched.billing_day
    where bills.nmi is not null
),

delivered as (
    select
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date,
        channel_days.nmi_suffix,
        count(*) as day_count,
        count(channel_days.nmi_configuration) as configuration_count,
        count(channel_days.serial_number) as serial_count,
        sum(case when {{ text_length('channel_days.delivered_nmi') }} = 11 then 1 else 0 end) as check_digit_count,
        sum(case when channel_days.source = 'API' then 0 else 1 end) as method_count
    from bills
    inner join {{ ref('int_channel_days__current') }} as channel_days
        on
            bills.nmi = channel_days.nmi
            and channel_days.market_date between bills.period_start_date and bills.period_end_date
    where channel_days.market_date >= (select min(every_bill.period_start_date) from bills as every_bill)
    group by bills.contract_id, bills.period_start_date, bills.period_end_date, channel_days.nmi_suffix
),

registers as (
    select
        devices.nmi,
        registers.nmi_suffix,
        min(registers.multiplier) as least_multiplier,
        max(registers.multiplier) as greatest_multiplier
    from {{ ref('stg_retailer__registers') }} as registers
    inner join {{ ref('stg_retailer__devices') }} as devices
        on registers.device_id = devices.device_id
    where registers.usage_type <> 'DEMAND' and registers.nmi_suffix is not null
    group by devices.nmi, registers.nmi_suffix
),

meters as (
    select
        nmi,
        max(case when serial_number is null then 0 else 1 end) as is_known_meter
    from {{ ref('stg_retailer__devices') }}
    group by nmi
),

configured_nmis as (
    select distinct nmi
    from {{ ref('int_registers__configured') }}
),

named as (
    select
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date,
        configured.nmi_suffix
    from bills
    inner join {{ ref('int_registers__configured') }} as configured
        on bills.nmi = configured.nmi
    union
    select
        contract_id,
        period_start_date,
        period_end_date,
        nmi_suffix
    from delivered
),

channels as (
    select
        bills.billing_day,
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date,
        bills.nmi,
        named.nmi_suffix,
        case
            when substring(named.nmi_suffix, 1, 1) not in ('B', 'E') or points.delivery = 'READING' then 'BASIC'
            else 'INTERVAL'
        end as kind,
        case when points.nmi is null then 0 else 1 end as is_known_site,
        case when configured_nmis.nmi is null then 0 else 1 end as is_configured_nmi,
        coalesce(meters.is_known_meter, 0) as is_known_meter,
        coalesce(points.meter_type, 'UNKNOWN') as meter_class,
        coalesce(points.jurisdiction, 'UNKNOWN') as jurisdiction,
        points.connection_capability_kw,
        uses.section
    from bills
    inner join named
        on
            bills.contract_id = named.contract_id
            and bills.period_start_date = named.period_start_date
            and bills.period_end_date = named.period_end_date
    left join {{ ref('stg_retailer__service_points') }} as points
        on bills.nmi = points.nmi
    left join configured_nmis
        on bills.nmi = configured_nmis.nmi
    left join meters
        on bills.nmi = meters.nmi
    left join {{ ref('int_channels__use') }} as uses
        on bills.nmi = uses.nmi and named.nmi_suffix = uses.nmi_suffix
),

histories as (
    select
        channels.contract_id,
        channels.period_start_date,
        channels.period_end_date,
        channels.nmi_suffix,
        sum(case
            when weeks.week_number >= {{ week_number('channels.period_start_date') }} - 4 then weeks.day_count else 0
        end) as near_day_count,
        sum(case
            when
                weeks.week_number
                between {{ week_number('channels.period_end_date') }} - 4 and {{ week_number('channels.period_end_date') }}
                then weeks.day_count
            else 0
        end) as recent_day_count,
        sum(case
            when weeks.week_number <= {{ week_number('channels.period_end_date') }} - 52 then weeks.day_count else 0
        end) as last_year_day_count
    from channels
    inner join {{ ref('int_channel_weeks__sum') }} as weeks
        on
            channels.nmi = weeks.nmi
            and channels.nmi_suffix = weeks.nmi_suffix
            and weeks.week_number >= {{ week_number('channels.period_start_date') }} - 52
            and weeks.week_number <= {{ week_number('channels.period_end_date') }} + 4
    group by channels.contract_id, channels.period_start_date, channels.period_end_date, channels.nmi_suffix
),

basic_reads as (
    select
        channels.contract_id,
        channels.period_start_date,
        channels.period_end_date,
        channels.nmi_suffix,
        count(distinct records.current_read_date) as read_count,
        sum(case when records.current_read_date >= channels.period_start_date then 1 else 0 end) as record_count,
        sum(case
            when
                records.current_read_date >= channels.period_start_date
                and records.previous_register_read is not null
                and records.current_register_read is not null
                then 1
            else 0
        end) as register_read_count
    from channels
    inner join {{ ref('int_accumulation_records__current') }} as records
        on
            channels.nmi = records.nmi
            and channels.nmi_suffix = records.nmi_suffix
            and records.previous_read_date <= channels.period_end_date
    group by channels.contract_id, channels.period_start_date, channels.period_end_date, channels.nmi_suffix
),

spans as (
    select
        channels.contract_id,
        channels.period_start_date,
        channels.period_end_date,
        channels.nmi_suffix,
        count(*) as span_count
    from channels
    inner join {{ ref('int_accumulation_reads__span') }} as spans
        on
            channels.nmi = spans.nmi
            and channels.nmi_suffix = spans.nmi_suffix
            and spans.first_date <= channels.period_end_date
            and spans.last_date >= channels.period_start_date
    group by channels.contract_id, channels.period_start_date, channels.period_end_date, channels.nmi_suffix
),

index_reads as (
    select
        channels.contract_id,
        channels.period_start_date,
        channels.period_end_date,
        channels.nmi_suffix,
        count(distinct details.read_at) as read_count
    from channels
    inner join {{ ref('int_channel_days__current') }} as channel_days
        on
            channels.nmi = channel_days.nmi
            and channels.nmi_suffix = channel_days.nmi_suffix
            and channel_days.market_date <= channels.period_end_date
    inner join {{ ref('stg_meter_data__b2b_details') }} as details
        on
            channel_days.billing_day = details.billing_day
            and channel_days.source = details.source
            and channel_days.file_name = details.file_name
            and channel_days.line_number = details.parent_line_number
    {{ judged_by('SUM_DIFFERS', ['LOOKBACK_DAYS'], 'channels', 'billing_day') }}
    where
        details.record_indicator = '500'
        and details.index_read is not null
        and details.read_at is not null
        -- Said once more for the whole table, which keeps years: it lets the scan skip them.
        and channel_days.market_date >= (
            select {{ add_days('min(bills.billing_day)', '-1 * cast(max(lookbacks.parameter_value) as integer)') }}
            from bills
            cross join {{ ref('int_validation_parameters__resolve') }} as lookbacks
            where lookbacks.rule_code = 'SUM_DIFFERS' and lookbacks.parameter = 'LOOKBACK_DAYS'
        )
        and {{ days_between('channel_days.market_date', 'channels.billing_day') }} <= parameters.lookback_days
    group by channels.contract_id, channels.period_start_date, channels.period_end_date, channels.nmi_suffix
),

asked as (
    {%- for rule_code, applies, needs, parameter, known, short_reason in rules %}
    select
        channels.billing_day,
        channels.meter_class,
        channels.jurisdiction,
        '{{ rule_code }}' as rule_code,
        cast({{ "'" ~ parameter ~ "'" if parameter else "null" }} as {{ text_type(40) }}) as parameter,
        cast({{ known or "null" }} as decimal(18, 6)) as known_count,
        cast({{ "'" ~ short_reason ~ "'" if short_reason else "null" }} as {{ text_type(60) }}) as short_reason,
        {% if needs -%}
        cast(case
            {%- for condition, reason in needs %}
            when {{ condition }} then '{{ reason }}'
            {%- endfor %}
        end as {{ text_type(60) }}) as reason
        {%- else -%}
        cast(null as {{ text_type(60) }}) as reason
        {%- endif %}
    from channels
    {%- for relation in ['delivered', 'histories', 'basic_reads', 'spans', 'index_reads'] %}
    {%- if (relation ~ '.') in (applies ~ needs ~ known) %}
    left join {{ relation }}
        on
            channels.contract_id = {{ relation }}.contract_id
            and channels.period_start_date = {{ relation }}.period_start_date
            and channels.period_end_date = {{ relation }}.period_end_date
            and channels.nmi_suffix = {{ relation }}.nmi_suffix
    {%- endif %}
    {%- endfor %}
    {%- if 'registers.' in (needs | string) %}
    left join registers
        on channels.nmi = registers.nmi and channels.nmi_suffix = registers.nmi_suffix
    {%- endif %}
    where {{ applies }}
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

judged as (
    select
        asked.billing_day,
        asked.rule_code,
        case
            when asked.parameter is not null and parameters.parameter_value is null then 'no parameters in force'
            when asked.reason is not null then asked.reason
            when asked.known_count < parameters.parameter_value then asked.short_reason
        end as reason
    from asked
    left join {{ ref('int_validation_parameters__resolve') }} as parameters
        on
            asked.rule_code = parameters.rule_code
            and asked.parameter = parameters.parameter
            and asked.meter_class = parameters.meter_class
            and asked.jurisdiction = parameters.jurisdiction
            and asked.billing_day between parameters.first_date and parameters.last_date
)

select
    billing_day,
    cast(rule_code as {{ text_type(40) }}) as rule_code,
    cast(case when reason is null then 'EVALUATED' else 'NOT_EVALUATED' end as {{ text_type(20) }}) as outcome,
    cast(coalesce(reason, '') as {{ text_type(60) }}) as reason,
    cast(count(*) as integer) as channel_count
from judged
group by billing_day, rule_code, reason
