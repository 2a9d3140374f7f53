{#
  Register arithmetic without floating point: SQL's power() and round(value, column) either answer in doubles or
  refuse a column as the number of places, so the few powers of ten a register can have are written out.
#}

{# A reading, rounded or not. SAP keeps 14 decimals; one whole digit more than energy, for sums before a roll-over. #}
{% macro reading_type() %}decimal(24, 14){% endmacro %}

{# 10 to the power held in a column (0 to 9), exact; null outside that range. #}
{% macro ten_to_the(column) -%}
    case {{ column }}
        {%- for n in range(10) %} when {{ n }} then cast({{ 10 ** n }} as decimal(10, 0)){% endfor %}
    end
{%- endmacro %}

{# The value of a register's last place, from a column with its decimal places (0 to 8); null outside that range. #}
{% macro last_place(column) -%}
    case {{ column }}
        {%- for n in range(9) %} when {{ n }} then cast({{ "1" if n == 0 else "0." ~ ("0" * (n - 1)) ~ "1" }} as decimal(9, 8))
        {%- endfor %}
    end
{%- endmacro %}

{# A value rounded half up to the places held in a column; its digits are bounded first, or SQL Server would keep only
   six places of the product. #}
{% macro round_half_up(value, places_column) -%}
    cast(
        cast(floor(cast({{ value }} as {{ reading_type() }}) * {{ ten_to_the(places_column) }} + cast(0.5 as decimal(2, 1))) as decimal(23, 0))
        * {{ last_place(places_column) }} as {{ reading_type() }}
    )
{%- endmacro %}

{# What a register of so many whole digits shows: the value less whole turns of the register, never negative. #}
{% macro roll_over(value, integer_places_column) -%}
    {%- set turn = ten_to_the(integer_places_column) -%}
    cast(((({{ value }}) % {{ turn }}) + {{ turn }}) % {{ turn }} as {{ reading_type() }})
{%- endmacro %}

{# A device's or register's number with the zeros in front that some systems keep and others drop, so that both are equal. #}
{% macro padded_number(expression) -%}
    right({{ concat_text(["'000000000000000000'", expression]) }}, 18)
{%- endmacro %}
