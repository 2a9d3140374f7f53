{# Casts that give null, never an error, for text that is not such a value. try_cast is spelled alike on all engines;
   what differs is empty text (SQL Server casts '' to 0 and to 1900-01-01), hence clean_text everywhere. #}

{% macro safe_decimal(expression, precision=18, scale=6) -%}
    {{ adapter.dispatch('safe_decimal')(expression, precision, scale) }}
{%- endmacro %}
{% macro default__safe_decimal(expression, precision, scale) -%}
    try_cast({{ clean_text(expression) }} as decimal({{ precision }}, {{ scale }}))
{%- endmacro %}
{# try_cast only asks: servers that only speak T-SQL give its decimals eight places, whatever scale is written. #}
{% macro sqlserver__safe_decimal(expression, precision, scale) -%}
    {%- set type = "decimal(" ~ precision ~ ", " ~ scale ~ ")" -%}
    cast(
        case when try_cast({{ clean_text(expression) }} as {{ type }}) is not null then {{ clean_text(expression) }} end
        as {{ type }}
    )
{%- endmacro %}

{% macro safe_integer(expression) -%}
    cast({{ safe_decimal(expression, 18, 0) }} as integer)
{%- endmacro %}

{# An ISO date, alone or at the head of an ISO instant. #}
{% macro safe_date(expression) -%}
    try_cast(substring({{ clean_text(expression) }}, 1, 10) as date)
{%- endmacro %}

{# A date written yyyymmdd. #}
{% macro compact_date(expression) -%}
    try_cast({{ concat_or_null([
        "substring(" ~ clean_text(expression) ~ ", 1, 4)",
        "'-'",
        "substring(" ~ clean_text(expression) ~ ", 5, 2)",
        "'-'",
        "substring(" ~ clean_text(expression) ~ ", 7, 2)",
    ]) }} as date)
{%- endmacro %}

{# Text parts of a value that is meant to fail its cast when a part is missing. #}
{% macro concat_or_null(expressions) %}nullif({{ concat_text(expressions) }}, ''){% endmacro %}

{# 1 or 0 from a condition, and from the ways databases write a boolean as text. #}
{% macro flag(condition) %}case when {{ condition }} then 1 else 0 end{% endmacro %}
{% macro text_flag(expression) -%}
    case when lower(trim({{ expression }})) in ('1', 'true', 't', 'yes', 'y') then 1 else 0 end
{%- endmacro %}
