{# Dates are market days, instants are UTC. There is no time-zone arithmetic in SQL beyond the fixed ten hours
   between market time (UTC+10 all year) and UTC. #}

{% macro instant_type() %}{{ adapter.dispatch('instant_type')() }}{% endmacro %}
{% macro default__instant_type() %}timestamp{% endmacro %}
{% macro sqlserver__instant_type() %}datetime2(6){% endmacro %}

{% macro date_literal(iso_day) %}cast('{{ iso_day }}' as date){% endmacro %}

{% macro add_days(date, days) %}{{ adapter.dispatch('add_days')(date, days) }}{% endmacro %}
{% macro default__add_days(date, days) %}({{ date }} + cast({{ days }} as integer)){% endmacro %}
{% macro sqlserver__add_days(date, days) %}dateadd(day, {{ days }}, {{ date }}){% endmacro %}
{% macro spark__add_days(date, days) %}date_add({{ date }}, cast({{ days }} as int)){% endmacro %}

{# Whole days from the first date to the second. #}
{% macro days_between(first_date, last_date) %}{{ adapter.dispatch('days_between')(first_date, last_date) }}{% endmacro %}
{% macro default__days_between(first_date, last_date) -%}
    cast(datediff('day', {{ first_date }}, {{ last_date }}) as integer)
{%- endmacro %}
{% macro sqlserver__days_between(first_date, last_date) %}datediff(day, {{ first_date }}, {{ last_date }}){% endmacro %}
{% macro spark__days_between(first_date, last_date) %}datediff({{ last_date }}, {{ first_date }}){% endmacro %}

{% macro add_minutes(instant, minutes) %}{{ adapter.dispatch('add_minutes')(instant, minutes) }}{% endmacro %}
{% macro default__add_minutes(instant, minutes) %}({{ instant }} + to_minutes(cast({{ minutes }} as bigint))){% endmacro %}
{% macro sqlserver__add_minutes(instant, minutes) %}dateadd(minute, {{ minutes }}, {{ instant }}){% endmacro %}
{% macro spark__add_minutes(instant, minutes) %}timestampadd(minute, {{ minutes }}, {{ instant }}){% endmacro %}

{% macro month_start(date) %}{{ adapter.dispatch('month_start')(date) }}{% endmacro %}
{% macro default__month_start(date) %}cast(date_trunc('month', {{ date }}) as date){% endmacro %}
{% macro sqlserver__month_start(date) %}datefromparts(year({{ date }}), month({{ date }}), 1){% endmacro %}

{# The same day so many months later (earlier when negative); the last day of a shorter month. #}
{% macro add_months(date, months) %}{{ adapter.dispatch('add_months')(date, months) }}{% endmacro %}
{% macro default__add_months(date, months) %}cast(({{ date }} + to_months(cast({{ months }} as integer))) as date){% endmacro %}
{% macro sqlserver__add_months(date, months) %}dateadd(month, {{ months }}, {{ date }}){% endmacro %}
{% macro spark__add_months(date, months) %}add_months({{ date }}, {{ months }}){% endmacro %}

{# Market time written yyyymmddhhmm or yyyymmddhhmmss (anything after the 14th character is dropped: AEMO's own
   example carries 15) to a UTC instant. Null when it is no such time. #}
{% macro market_time_to_utc(expression) -%}
    {%- set text = clean_text(expression) -%}
    {{ add_minutes(
        "try_cast(nullif(" ~ concat_text([
            "substring(" ~ text ~ ", 1, 4)", "'-'", "substring(" ~ text ~ ", 5, 2)", "'-'",
            "substring(" ~ text ~ ", 7, 2)", "' '", "substring(" ~ text ~ ", 9, 2)", "':'",
            "substring(" ~ text ~ ", 11, 2)", "':'", "coalesce(nullif(substring(" ~ text ~ ", 13, 2), ''), '00')",
        ]) ~ ", concat('-- :', ':00')) as " ~ instant_type() ~ ")", -600) }}
{%- endmacro %}

{# The end of a market day (24:00, UTC+10) as a UTC instant. #}
{% macro market_day_end_utc(date) -%}
    {{ add_minutes("cast(" ~ date ~ " as " ~ instant_type() ~ ")", 840) }}
{%- endmacro %}

{# The market day (UTC+10) on which a UTC instant falls. #}
{% macro market_date_of(instant) -%}
    cast({{ add_minutes(instant, 600) }} as date)
{%- endmacro %}

{# An ISO 8601 instant (Z, an offset, or nothing which means UTC) to a UTC instant. Null when it is none. #}
{% macro iso_instant_to_utc(expression) -%}
    {%- set text = clean_text(expression) -%}
    {%- set offset_minutes -%}
        case
            when {{ text }} like '%:%+__:__'
                then
                    -60 * try_cast(substring({{ text }}, {{ text_length(text) }} - 4, 2) as integer)
                    - try_cast(substring({{ text }}, {{ text_length(text) }} - 1, 2) as integer)
            when {{ text }} like '%:%-__:__'
                then
                    60 * try_cast(substring({{ text }}, {{ text_length(text) }} - 4, 2) as integer)
                    + try_cast(substring({{ text }}, {{ text_length(text) }} - 1, 2) as integer)
            else 0
        end
    {%- endset -%}
    {{ add_minutes(
        "try_cast(replace(substring(" ~ text ~ ", 1, 19), 'T', ' ') as " ~ instant_type() ~ ")", offset_minutes) }}
{%- endmacro %}
