{# Money: exact decimals, rounded half up in size (a credit rounds like the charge of the same size). #}

{# An exact product of a quantity and a price, rounded to the cent. (23,14) x (14,8) fills 37 of the 38 digits. #}
{% macro line_amount(quantity, unit_price) -%}
    {{ to_the_cent("cast(" ~ quantity ~ " as " ~ kwh_type() ~ ") * cast(" ~ unit_price ~ " as " ~ unit_price_type() ~ ")") }}
{%- endmacro %}

{# A decimal rounded to the cent, half away from zero. #}
{% macro to_the_cent(value) -%}
    {{ rounded(value, 18, 2) }}
{%- endmacro %}

{# The GST of an amount, exact. #}
{% macro gst_of(amount) -%}
    cast({{ amount }} * cast(0.10 as decimal(3, 2)) as {{ line_gst_type() }})
{%- endmacro %}

{# A served price in dollars: cents are divided by 100 exactly. #}
{% macro in_dollars(as_served, price_unit) -%}
    cast(
        {{ as_served }} * case when {{ price_unit }} = 'CENTS' then cast(0.01 as decimal(3, 2)) else cast(1 as decimal(3, 2)) end
        as {{ unit_price_type() }}
    )
{%- endmacro %}

{# What a register of so many whole digits (1 to 9) counts to before it begins at zero again. #}
{% macro register_turn(integer_places) -%}
    case {{ integer_places }}
        {%- for places in range(1, 10) %} when {{ places }} then {{ 10 ** places }}{% endfor %}
    end
{%- endmacro %}

{# The price ex GST of an amount that may include it: INC is divided by 1.1, rounded half up to the price's 8 decimals. #}
{% macro without_gst(amount, gst_basis) -%}
    cast(
        case
            when {{ gst_basis }} = 'INC' then {{ divide(amount, 'cast(1.1 as decimal(2, 1))', 8, 8) }}
            else {{ amount }}
        end as {{ unit_price_type() }}
    )
{%- endmacro %}

{# What nobody asks more than, in dollars ex GST; and where a price must be cents (seed validation_parameters). #}
{% macro price_limit(parameter) -%}
    {{ validation_parameter('PLAN_NOT_PRICEABLE', parameter, date_literal(var('end_day'))) }}
{%- endmacro %}
