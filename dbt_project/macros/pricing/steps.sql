{# The part of an energy that falls into a step between two volumes. The first step also takes what lies below zero, so
   that the steps always add up to the energy; a null upper volume is no end. #}
{% macro step_quantity(energy, lower, upper, block_number) -%}
    case
        when {{ block_number }} > 1 and {{ energy }} <= {{ lower }} then 0
        when {{ upper }} is null or {{ energy }} <= {{ upper }}
            then {{ energy }} - case when {{ block_number }} = 1 then 0 else {{ lower }} end
        else {{ upper }} - {{ lower }}
    end
{%- endmacro %}

{# A step's volume for a number of days when its period pools over the bill: volume x days / period, where a month is
   365/12 days and a year 365, rounded half up to the 14 decimals of a kWh. #}
{% macro pooled_volume(volume, day_count, period_count, period_unit) -%}
    {{ divide(
        "(" ~ volume ~ " * " ~ day_count ~ " * case when " ~ period_unit ~ " = 'M' then 12 else 1 end)",
        "(" ~ period_count ~ " * case " ~ period_unit ~ " when 'D' then 1 when 'W' then 7 else 365 end)",
        14, 6
    ) }}
{%- endmacro %}
