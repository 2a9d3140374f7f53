{# Small fixed lists as relations (inside parentheses, to stand in a FROM). #}

{# The kinds of day a tariff can tell apart: weekday, public holiday or not, business day or not. #}
{% macro day_types() -%}
    (
        {%- for day in ['MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT', 'SUN'] %}
        {%- for holiday, business in [(0, 0), (0, 1), (1, 0)] %}
        select '{{ day }}' as weekday, {{ holiday }} as is_public_holiday, {{ business }} as is_business_day
        {%- if not loop.last %} union all {% endif -%}
        {%- endfor %}
        {%- if not loop.last %} union all {% endif -%}
        {%- endfor %}
    )
{%- endmacro %}

{# The 48 half hours of a clock's day by their first minute. #}
{% macro clock_half_hours() -%}
    (
        {%- for half_hour in range(48) %}
        select {{ half_hour * 30 }} as local_start_minute
        {%- if not loop.last %} union all {% endif -%}
        {%- endfor %}
    )
{%- endmacro %}

{# Whether a window (start included, end not) that may run over midnight holds a minute. Both parts of a window over
   midnight belong to the days it names: plans that list MON-FRI 22:00-07:00 beside SAT and SUN all day mean
   Monday's own early hours, and only then cover every minute once. #}
{% macro window_holds(minute, start_minute, end_minute) -%}
    (
        ({{ start_minute }} < {{ end_minute }} and {{ minute }} >= {{ start_minute }} and {{ minute }} < {{ end_minute }})
        or (
            {{ start_minute }} > {{ end_minute }}
            and ({{ minute }} >= {{ start_minute }} or {{ minute }} < {{ end_minute }})
        )
    )
{%- endmacro %}

{# Whether a window's days hold a kind of day. A public holiday follows PUBLIC_HOLIDAYS instead of its weekday as
   soon as any window of the same tariff names PUBLIC_HOLIDAYS; BUSINESS_DAYS are weekdays that are no holiday. #}
{% macro window_days_hold(window, day_type, names_public_holidays) -%}
    case
        when {{ day_type }}.is_public_holiday = 1 and {{ names_public_holidays }} = 1
            then {{ window }}.is_public_holidays
        {%- for day in ['MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT', 'SUN'] %}
        when {{ day_type }}.weekday = '{{ day }}' and {{ window }}.is_{{ day | lower }} = 1 then 1
        {%- endfor %}
        when {{ day_type }}.is_business_day = 1 and {{ window }}.is_business_days = 1 then 1
        else 0
    end
{%- endmacro %}

{# A minute of the day as hh:mm. #}
{% macro minute_text(minute) -%}
    {{ concat_text([
        "right(" ~ concat_text(["'0'", text_of(integer_divide(minute, 60), 2)]) ~ ", 2)",
        "':'",
        "right(" ~ concat_text(["'0'", text_of("(" ~ minute ~ ") % 60", 2)]) ~ ", 2)",
    ]) }}
{%- endmacro %}

{# Whether two relations of int_feed_in_days__choose speak of the same day of the same plan version in a bill. #}
{% macro same_feed_in_day(one, other) -%}
    {%- for column in [
        'contract_id', 'period_start_date', 'period_end_date', 'market_date', 'local_date', 'plan_id', 'version_hash',
    ] %}
    {{ one }}.{{ column }} = {{ other }}.{{ column }} {% if not loop.last %}and {% endif -%}
    {%- endfor %}
{%- endmacro %}
