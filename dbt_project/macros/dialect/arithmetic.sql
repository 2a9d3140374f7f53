{# Exact arithmetic. `/` turns decimals into doubles on DuckDB and trims the scale on SQL Server, so models never use
   it: they call these. #}

{# numerator / denominator as an exact decimal(38, scale), rounded half away from zero; null when the denominator is 0.
   Both sides may carry up to `input_scale` decimals. |numerator| x 10^(input_scale + scale) must stay below 8 x 10^37:
   beyond it every engine raises an overflow, none gives a wrong number. #}
{% macro divide(numerator, denominator, scale, input_scale=14) -%}
    {{ adapter.dispatch('divide')(numerator, denominator, scale, input_scale) }}
{%- endmacro %}

{# Integer arithmetic on 128 bits: (2n + d) // 2d on absolute values is round half up. #}
{% macro default__divide(numerator, denominator, scale, input_scale) -%}
    {%- set n = "abs(" ~ scaled_integer(numerator, input_scale) ~ ") * " ~ power_of_ten(scale) ~ "::hugeint" -%}
    {%- set d = "abs(" ~ scaled_integer(denominator, input_scale) ~ ")" -%}
    (case
        when ({{ denominator }}) = 0 then null
        else cast(
            (case when (({{ numerator }}) < 0) <> (({{ denominator }}) < 0) then -1 else 1 end)
            * ((2 * {{ n }} + {{ d }}) // (2 * {{ d }}))
            as decimal(38, 0)
        )
    end * {{ unit_of_scale(scale) }})
{%- endmacro %}

{# SQL Server and Spark have no 128-bit integer: subtract the remainder first, so that the quotient is a whole number
   whatever scale the engine gives it, then round by the remainder. SQL Server keeps only six places of a product of more
   than 38 digits, so the quotient has no more digits than leave room for its places: 37 less twice the scale. #}
{% macro sqlserver__divide(numerator, denominator, scale, input_scale) -%}
    {%- set n -%}
        cast(cast(({{ numerator }}) * {{ decimal_power_of_ten(input_scale) }} as decimal(38, 0)) * {{ decimal_power_of_ten(scale) }} as decimal(38, 0))
    {%- endset -%}
    {%- set d -%}
        cast(nullif({{ denominator }}, 0) * {{ decimal_power_of_ten(input_scale) }} as decimal(38, 0))
    {%- endset -%}
    cast(
        cast(({{ n }} - ({{ n }} % {{ d }})) / {{ d }} as decimal({{ 37 - scale }}, 0)) * {{ unit_of_scale(scale) }}
        + case
            when abs({{ n }} % {{ d }}) * 2 < abs({{ d }}) then 0
            when ({{ n }} < 0 and {{ d }} > 0) or ({{ n }} > 0 and {{ d }} < 0) then -{{ unit_of_scale(scale) }}
            else {{ unit_of_scale(scale) }}
        end
        as decimal(38, {{ scale }})
    )
{%- endmacro %}
{% macro spark__divide(numerator, denominator, scale, input_scale) -%}
    {{ sqlserver__divide(numerator, denominator, scale, input_scale) }}
{%- endmacro %}

{% macro scaled_integer(expression, scale) -%}
    cast(cast({{ expression }} as decimal(38, {{ scale }})) * {{ power_of_ten(scale) }} as hugeint)
{%- endmacro %}
{% macro power_of_ten(exponent) %}1{{ '0' * exponent }}{% endmacro %}
{# With its point a literal is a decimal: without, SQL Server takes up to 2,147,483,647 for an int, and 22 days x 10^8
   would overflow. #}
{% macro decimal_power_of_ten(exponent) %}{{ power_of_ten(exponent) }}.{% endmacro %}
{% macro unit_of_scale(scale) -%}
    {%- if scale == 0 -%}1{%- else -%}cast('0.{{ '0' * (scale - 1) }}1' as decimal({{ scale }}, {{ scale }})){%- endif -%}
{%- endmacro %}

{# Whole-number division of two integers, towards zero. #}
{% macro integer_divide(numerator, denominator) %}{{ adapter.dispatch('integer_divide')(numerator, denominator) }}{% endmacro %}
{% macro default__integer_divide(numerator, denominator) %}(({{ numerator }}) // ({{ denominator }})){% endmacro %}
{% macro sqlserver__integer_divide(numerator, denominator) %}(({{ numerator }}) / ({{ denominator }})){% endmacro %}
{% macro spark__integer_divide(numerator, denominator) %}(({{ numerator }}) div ({{ denominator }})){% endmacro %}

{# A decimal of fewer places, rounded half away from zero. Servers that only speak T-SQL leave a column's places as they
   are when it is cast alone, so there the rounding is said. #}
{% macro rounded(expression, precision, scale) %}{{ adapter.dispatch('rounded')(expression, precision, scale) }}{% endmacro %}
{% macro default__rounded(expression, precision, scale) %}cast({{ expression }} as decimal({{ precision }}, {{ scale }})){% endmacro %}
{% macro sqlserver__rounded(expression, precision, scale) -%}
    cast(round({{ expression }}, {{ scale }}) as decimal({{ precision }}, {{ scale }}))
{%- endmacro %}
