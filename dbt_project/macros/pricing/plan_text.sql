{# How the plan register writes times, days, dates and periods. #}

{# `700`, `0700`, `07:00` and `07:00:00` as the minute of the day; null when it is no time. 24:00 is 1440. #}
{% macro minute_of_day(expression) -%}
    {%- set digits = "replace(" ~ clean_text(expression) ~ ", ':', '')" -%}
    {%- set four -%}
        case
            when {{ text_length(digits) }} <= 4 then right({{ concat_text(["'0000'", digits]) }}, 4)
            when {{ text_length(digits) }} <= 6 then substring(right({{ concat_text(["'000000'", digits]) }}, 6), 1, 4)
        end
    {%- endset -%}
    case
        when try_cast(substring({{ four }}, 1, 2) as integer) between 0 and 23
            and try_cast(substring({{ four }}, 3, 2) as integer) between 0 and 59
            then
                try_cast(substring({{ four }}, 1, 2) as integer) * 60
                + try_cast(substring({{ four }}, 3, 2) as integer)
        when {{ four }} = '2400' then 1440
    end
{%- endmacro %}

{# The end of a window as the first minute not in it. An end whose minute is 59 is the last minute included
   (the Energy Made Easy form); 00:00 as an end is the end of the day. #}
{% macro window_end_minute(expression) -%}
    {%- set minute = minute_of_day(expression) -%}
    case
        when ({{ minute }}) = 0 then 1440
        when ({{ minute }}) % 60 = 59 then ({{ minute }}) + 1
        else {{ minute }}
    end
{%- endmacro %}

{# 1 when a list of days, however it is delimited, names the day. BUSINESS_DAYS and PUBLIC_HOLIDAYS hold none of the
   three-letter names (checked against MON, TUE, WED, THU, FRI, SAT and SUN), so a plain search is enough. #}
{% macro days_name(expression, day) -%}
    case when upper({{ expression }}) like '%{{ day }}%' then 1 else 0 end
{%- endmacro %}

{# `mm-dd` as the number mmdd; null when it is no such date. #}
{% macro month_day(expression) -%}
    {%- set text = clean_text(expression) -%}
    case
        when {{ text_length(text) }} = 5
            and substring({{ text }}, 3, 1) = '-'
            and try_cast({{ concat_text(["'2000-'", text]) }} as date) is not null
            then
                try_cast(substring({{ text }}, 1, 2) as integer) * 100
                + try_cast(substring({{ text }}, 4, 2) as integer)
    end
{%- endmacro %}

{# The month and day of a date as the number mmdd. #}
{% macro month_day_of(date) -%}
    (month({{ date }}) * 100 + day({{ date }}))
{%- endmacro %}

{# Whether a date falls into a yearly season, both ends included, that may wrap over New Year. #}
{% macro season_holds(date, first_month_day, last_month_day) -%}
    (
        (
            {{ first_month_day }} <= {{ last_month_day }}
            and {{ month_day_of(date) }} between {{ first_month_day }} and {{ last_month_day }}
        )
        or (
            {{ first_month_day }} > {{ last_month_day }}
            and (
                {{ month_day_of(date) }} >= {{ first_month_day }}
                or {{ month_day_of(date) }} <= {{ last_month_day }}
            )
        )
    )
{%- endmacro %}

{# The count in an ISO duration with one designator (P1D, P3M): null when it is none. #}
{% macro duration_count(expression) -%}
    {%- set text = "upper(" ~ clean_text(expression) ~ ")" -%}
    case
        when {{ text }} like 'P%D' or {{ text }} like 'P%W' or {{ text }} like 'P%M' or {{ text }} like 'P%Y'
            then nullif(try_cast(substring({{ text }}, 2, {{ text_length(text) }} - 2) as integer), 0)
    end
{%- endmacro %}

{# Its designator: D, W, M or Y. #}
{% macro duration_unit(expression) -%}
    right(upper({{ clean_text(expression) }}), 1)
{%- endmacro %}

{# What words say about the GST of a fee, a fixed discount or a green power charge: EX (excludes it), FREE (carries none),
   else INC when the words say so, else null: the family's own rule holds. #}
{% macro gst_in_words(expression) -%}
    {%- set words = "lower(coalesce(" ~ expression ~ ", ''))" -%}
    case
        {%- for text in ['not subject to gst', 'gst free', 'gst-free', 'no gst', 'gst does not apply', 'gst not applicable'] %}
        when {{ words }} like '%{{ text }}%' then 'FREE'
        {%- endfor %}
        {%- for text in [
            'ex gst', 'ex. gst', 'excl gst', 'excl. gst', 'exc gst', 'exc. gst', 'excluding gst', 'excludes gst',
            'exclusive of gst', 'gst exclusive', 'gst excl', 'plus gst', '+ gst', '+gst',
        ] %}
        when {{ words }} like '%{{ text }}%' then 'EX'
        {%- endfor %}
        {%- for text in ['inc gst', 'inc. gst', 'incl gst', 'incl. gst', 'including gst', 'includes gst', 'inclusive of gst', 'gst incl', 'gst inc'] %}
        when {{ words }} like '%{{ text }}%' then 'INC'
        {%- endfor %}
    end
{%- endmacro %}

{# Whether words name hours of the day or kinds of day (4 PM, 16:00, business days): the digits are masked, then searched. #}
{% macro words_name_hours(expression) -%}
    {%- set masked = namespace(text="lower(coalesce(" ~ expression ~ ", ''))") -%}
    {%- for digit in range(10) %}{% set masked.text = "replace(" ~ masked.text ~ ", '" ~ digit ~ "', '#')" %}{% endfor -%}
    case
        {%- for text in [
            '#am', '# am', '#pm', '# pm', '#a.m', '# a.m', '#p.m', '# p.m', '#:##', '#hrs', '# hrs', 'noon', 'midnight',
            'business day', 'weekday', 'working day', 'weekend',
        ] %}
        when {{ masked.text }} like '%{{ text }}%' then 1
        {%- endfor %}
        else 0
    end
{%- endmacro %}

{# Whether words hold one of some texts. #}
{% macro words_hold(expression, texts) -%}
    case
        {%- for text in texts %}
        when lower(coalesce({{ expression }}, '')) like '%{{ text }}%' then 1
        {%- endfor %}
        else 0
    end
{%- endmacro %}

{# Whether the words of a fixed amount name what it is given for: a day, a year, once. The register has no field for it
   (a real discount of "5.5 cents per day" is served as 20.00, its value for a year), so the amount cannot be trusted. #}
{% macro words_name_a_period(expression) -%}
    {{ words_hold(expression, [
        'per day', 'a day', 'each day', 'daily', 'per week', 'weekly', 'per month', 'a month', 'each month', 'monthly',
        'per quarter', 'quarterly', 'per year', 'a year', 'each year', 'per annum', 'annual', 'yearly', '/day', '/month',
        '/year', 'per kwh', 'once', 'one-off', 'one off', 'welcome', 'sign up', 'sign-up', 'signing up', 'joining', 'first bill',
    ]) }}
{%- endmacro %}

{# Whether words limit an amount or a percentage in a way that no field says. #}
{% macro words_limit(expression) -%}
    {{ words_hold(expression, ['up to', 'capped', 'maximum', 'at most', 'first month', 'first year', 'first 1', 'first 2',
                               'first 3', 'first 6', 'first 9', 'no more than']) }}
{%- endmacro %}
