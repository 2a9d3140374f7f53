{# The plain way (records.sql): engines that know it, and its half-hour columns. #}
{% macro has_plain_way() %}{{ return(adapter.dispatch('has_plain_way')()) }}{% endmacro %}
{% macro default__has_plain_way() %}{{ return(true) }}{% endmacro %}
{% macro sqlserver__has_plain_way() %}{{ return(false) }}{% endmacro %}
{% macro spark__has_plain_way() %}{{ return(false) }}{% endmacro %}

{# The list of a record's values, of a decimal that is a 64-bit integer inside: casting text to a wider one takes twenty
   times as long. DuckDB adds and multiplies such decimals in 64 bits and raises when they overflow, so both forms leave
   room for six values: PLAIN has five of six digits before the point, FINE three of four. #}
{% macro plain_values(values_text, value_form) -%}
    try_cast(string_split({{ values_text }}, ',') as {{ "decimal(12, 6)" if value_form == "PLAIN" else "decimal(18, 14)" }}[])
{%- endmacro %}

{# Interval lengths (minutes) that the plain way sums; a record of another length takes the general way. #}
{% macro plain_lengths() %}{{ return([5, 10, 15, 30]) }}{% endmacro %}

{# One half-hour column from the list `delivered_values`; whole kWh need no product, which spares most of the time. #}
{% macro plain_half_hour(half_hour) -%}
    {%- set total -%}
        case interval_length_minutes
            {%- for minutes in plain_lengths() %}
            {%- set count = 30 // minutes %}
            when {{ minutes }}
                then
                    {% for place in range(count * (half_hour - 1) + 1, count * half_hour + 1) -%}
                    delivered_values[{{ place }}]{{ " + " if not loop.last }}
                    {%- endfor %}
            {%- endfor %}
        end
    {%- endset -%}
    case
        when kwh_factor = 1 then cast({{ total }} as {{ kwh_type() }})
        else cast(cast({{ total }} as {{ kwh_type() }}) * kwh_factor as {{ kwh_type() }})
    end
{%- endmacro %}
