{# The plain way (records.sql): engines that know it, and its half-hour columns. #}
{% macro has_plain_way() %}{{ return(adapter.dispatch('has_plain_way')()) }}{% endmacro %}
{% macro default__has_plain_way() %}{{ return(true) }}{% endmacro %}
{% macro sqlserver__has_plain_way() %}{{ return(false) }}{% endmacro %}
{% macro spark__has_plain_way() %}{{ return(false) }}{% endmacro %}

{# The list of a plain record's values: six decimals and at most six digits before the point, so that the sum of the
   values of a half hour still fits a 64-bit integer (five digits are given, value_form). #}
{% macro plain_values(values_text) -%}
    try_cast(string_split({{ values_text }}, ',') as decimal(12, 6)[])
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
        else cast(({{ total }}) * kwh_factor as {{ kwh_type() }})
    end
{%- endmacro %}
