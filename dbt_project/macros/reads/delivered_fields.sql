{# NMI rules that are the same on every engine. #}

{# The checksum digit of a ten-character NMI: from the right, double every second ASCII code beginning with the
   rightmost, add up all digits, take what is missing to the next multiple of ten. A doubled code is at most 180. #}
{% macro nmi_checksum(nmi) -%}
    ((10 - (
        {%- for position in range(1, 11) %}
        {{ digit_sum("(ascii(substring(" ~ nmi ~ ", " ~ position ~ ", 1)) * " ~ (2 if position % 2 == 0 else 1) ~ ")") }}
        {%- if not loop.last %} + {% endif -%}
        {%- endfor %}
    ) % 10) % 10)
{%- endmacro %}

{% macro digit_sum(number) -%}
    ({{ integer_divide(number, 100) }} + {{ integer_divide(number, 10) }} % 10 + {{ number }} % 10)
{%- endmacro %}

{# Whether an eleventh character is there and is the NMI's checksum: NONE, RIGHT or WRONG. #}
{% macro nmi_checksum_state(nmi) -%}
    case
        when {{ text_length(nmi) }} <> 11 then 'NONE'
        when {{ text_of(nmi_checksum(nmi), 1) }} = substring({{ nmi }}, 11, 1) then 'RIGHT'
        else 'WRONG'
    end
{%- endmacro %}

{# What brings a delivered unit to kWh; null for a unit that is not energy. Units are not case-sensitive. #}
{% macro kwh_factor(unit) -%}
    case upper(trim({{ unit }}))
        when 'KWH' then cast(1 as decimal(7, 3))
        when 'WH' then cast(0.001 as decimal(7, 3))
        when 'MWH' then cast(1000 as decimal(7, 3))
    end
{%- endmacro %}

{# When a read version was made: its UpdateDateTime, else its file's creation time, else the end of the day that
   delivered it. #}
{% macro read_version_instant(update_text, file_created_text, billing_day) -%}
    coalesce(
        {{ market_time_to_utc(update_text) }},
        {{ market_time_to_utc(file_created_text) }},
        {{ market_day_end_utc(billing_day) }}
    )
{%- endmacro %}
