{# What the models int_problems__<rule> share. Each yields, per problem: rule_code, subject (what it is about, part of its
   key), nmi, nmi_suffix, contract_id, first_market_date, last_market_date, billing_day, detail. #}

{# The value on a day of a parameter of a rule that is about no meter. #}
{% macro validation_parameter(rule_code, parameter, market_date) -%}
    (
        select parameters.parameter_value
        from {{ ref('validation_parameters') }} as parameters
        where
            parameters.rule_code = '{{ rule_code }}'
            and parameters.parameter = '{{ parameter }}'
            and parameters.meter_class = '*'
            and parameters.jurisdiction = '*'
            and {{ market_date }} >= parameters.valid_from
            and {{ market_date }} <= coalesce(parameters.valid_to, {{ date_literal('9999-12-31') }})
    )
{%- endmacro %}

{# Join to the rows of `days` (meter_class, jurisdiction and a date) the parameters of a rule that were in force then: one
   column per parameter, named like it. Where the rule has none in force, nothing joins and the rule passes. #}
{% macro judged_by(rule_code, parameters, days='days', market_date='market_date') -%}
    inner join (
        select
            meter_class,
            jurisdiction,
            first_date,
            last_date
            {%- for parameter in parameters %},
            max(case when parameter = '{{ parameter }}' then parameter_value end) as {{ parameter | lower }}
            {%- endfor %}
        from {{ ref('int_validation_parameters__resolve') }}
        where rule_code = '{{ rule_code }}'
        group by meter_class, jurisdiction, first_date, last_date
    ) as parameters
        on
            {{ days }}.meter_class = parameters.meter_class
            and {{ days }}.jurisdiction = parameters.jurisdiction
            and {{ days }}.{{ market_date }} between parameters.first_date and parameters.last_date
{%- endmacro %}

{# The week of a market day, counted from 1 January 1900, a Monday. #}
{% macro week_number(market_date) -%}
    {{ integer_divide(days_between(date_literal('1900-01-01'), market_date), 7) }}
{%- endmacro %}

{# Energy of a channel-day between two hours of the market day (columns; a window may run over midnight). #}
{% macro energy_between(relation, first_hour, end_hour) -%}
    cast(
        {%- for column in half_hour_columns() %}
        case when {{ window_holds((loop.index0 / 2) | string, first_hour, end_hour) }} then {{ relation }}.{{ column }} else 0 end
        {{- " +" if not loop.last }}
        {%- endfor %}
        as {{ kwh_type() }}
    )
{%- endmacro %}

{# The rules whose problems are runs of days of one channel, as a list of SQL texts. #}
{% macro rules_on_channel_days() -%}
    'VERSION_CONFLICT', 'SUFFIX_NOT_CONFIGURED', 'SERIAL_DIFFERS', 'READ_PARTIAL_DAY', 'READ_SPIKE', 'READ_IMPOSSIBLE',
    'READ_NEGATIVE', 'READ_SUBSTITUTED', 'READ_ESTIMATED', 'EVENTS_INCOMPLETE', 'QUALITY_INVALID', 'QUALITY_COMBINATION',
    'ZERO_USE', 'VACANT_USE', 'LOAD_AT_WRONG_HOURS', 'EXPORT_AT_NIGHT', 'ESTIMATES_IN_A_ROW', 'NMI_CLOSED'
{%- endmacro %}

{# Group days of `relation` that follow each other into one row per key and run of days.
   numbers: {name: aggregate expression} over the days of a run. #}
{% macro runs_of_days(relation, keys, numbers={}) -%}
    select
        {{ keys | join(', ') }},
        min(market_date) as first_market_date,
        max(market_date) as last_market_date,
        cast(count(*) as integer) as day_count
        {%- for name, expression in numbers.items() %},
        {{ expression }} as {{ name }}
        {%- endfor %}
    from (
        select
            days.*,
            {{ add_days(
                "days.market_date",
                "-1 * row_number() over (partition by " ~ (keys | join(", ")) ~ " order by market_date)"
            ) }} as run_start
        from {{ relation }} as days
    ) as numbered_days
    group by {{ keys | join(', ') }}, run_start
{%- endmacro %}

{# The billing day under which a problem is filed: its own when it lies in the run's window, else the window's last. #}
{% macro filed_under(billing_day) -%}
    case
        when {{ billing_day }} between {{ date_literal(var('start_day')) }} and {{ date_literal(var('end_day')) }}
            then {{ billing_day }}
        else {{ date_literal(var('end_day')) }}
    end
{%- endmacro %}

{# "on 2026-02-05" or "on 3 days from 2026-02-05 to 2026-02-07" as SQL text. #}
{% macro days_in_words() -%}
    {{ concat_text([
        "case when first_market_date = last_market_date then 'on ' else "
        ~ concat_text(["'on '", text_of("day_count"), "' days from '"]) ~ " end",
        text_of("first_market_date", 10),
        "case when first_market_date = last_market_date then '' else "
        ~ concat_text(["' to '", text_of("last_market_date", 10)]) ~ " end",
    ]) }}
{%- endmacro %}

{# What is wrong with a quality flag, method and reason together (MDFF specification), or null: A stands alone, E has a method and
   no reason, S and F have both, V neither. The reason of an A says what happened. Whether a method is one of estimates or
   of substitutes is not looked at: the market operator's own examples mix them. #}
{% macro quality_trouble(flag, quality_method, reason_code) -%}
    {%- set method = clean_text('substring(' ~ quality_method ~ ', 2, 10)') -%}
    case
        when {{ flag }} in ('A', 'V') and {{ method }} is not null then 'has a method'
        when {{ flag }} in ('E', 'S', 'F') and {{ method }} is null then 'has no method'
        when
            {{ flag }} in ('E', 'S', 'F')
            and {{ method }} not in (
                {%- for number in (range(11, 26) | list) + (range(51, 60) | list) + (range(61, 70) | list) + (range(71, 76) | list) %}
                '{{ number }}'{{ "," if not loop.last }}
                {%- endfor %}
            )
            then 'has a method that nobody knows'
        when {{ flag }} in ('S', 'F') and {{ reason_code }} is null then 'has no reason'
        when {{ flag }} in ('E', 'V') and {{ reason_code }} is not null then 'has a reason'
    end
{%- endmacro %}

{# A number of kWh or kW as people write it: three decimals. #}
{% macro three_decimals(expression) %}{{ text_of(rounded(expression, 18, 3)) }}{% endmacro %}

{# The nine columns of a problem about a run of days of one channel. #}
{% macro channel_problem_columns(rule_code, detail, contract_id=none) %}
    '{{ rule_code }}' as rule_code,
    {{ concat_text(["nmi", "'|'", "nmi_suffix"]) }} as subject,
    nmi,
    nmi_suffix,
    {{ contract_id or "cast(null as " ~ text_type(20) ~ ")" }} as contract_id,
    first_market_date,
    last_market_date,
    billing_day,
    {{ detail }} as detail
{%- endmacro %}

{# The nine columns of a problem about a file; its market date is its billing day. #}
{% macro file_problem_columns(rule_code, detail) %}
    '{{ rule_code }}' as rule_code,
    {{ concat_text(["source", "'|'", "file_name"]) }} as subject,
    cast(null as {{ text_type(20) }}) as nmi,
    cast(null as {{ text_type(4) }}) as nmi_suffix,
    cast(null as {{ text_type(20) }}) as contract_id,
    billing_day as first_market_date,
    billing_day as last_market_date,
    filed_under_day as billing_day,
    {{ detail }} as detail
{%- endmacro %}

{# The nine columns of a problem about a contract (or an order without one) over a period. #}
{% macro contract_problem_columns(rule_code, subject, detail, nmi="nmi") %}
    '{{ rule_code }}' as rule_code,
    {{ subject }} as subject,
    {{ nmi }} as nmi,
    cast(null as {{ text_type(4) }}) as nmi_suffix,
    contract_id,
    first_market_date,
    last_market_date,
    billing_day,
    {{ detail }} as detail
{%- endmacro %}
