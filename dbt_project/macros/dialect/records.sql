{#
  A record keeps its interval values as one text. Two ways to its half hours:

  - the plain way, where the engine has lists (DuckDB): the text becomes a list of short decimals, each half hour is the
    sum of its elements, one row in, one row out. 72 million five-minute values: 2.3 s on two cores, against 6.0 s by
    one row per value and a group by (docs/performance.md);
  - the general way, for values that are missing or long, and on every other engine: one row
    per value (`split_record`), then aggregate.
#}

{# How a record's values are written: PLAIN (all present, short), FINE (all present, up to 14 decimals), ODD (empty or
   long ones among them) or BAD (something that is no number of at most nine digits before the point). Engines without
   the plain way know no PLAIN and no FINE. #}
{% macro value_form(values_text) %}{{ adapter.dispatch('value_form')(values_text) }}{% endmacro %}
{% macro default__value_form(values_text) -%}
    {%- set plain = "-?([0-9]{1,5}([.][0-9]{0,6})?|[.][0-9]{1,6})" -%}
    {%- set fine = "-?([0-9]{1,3}([.][0-9]{0,14})?|[.][0-9]{1,14})" -%}
    {%- set odd = " *(-?([0-9]{1,9}([.][0-9]*)?|[.][0-9]+))? *" -%}
    case
        when regexp_full_match({{ values_text }}, '({{ plain }},)*{{ plain }}') then 'PLAIN'
        when regexp_full_match({{ values_text }}, '({{ fine }},)*{{ fine }}') then 'FINE'
        when regexp_full_match({{ values_text }}, '({{ odd }},)*{{ odd }}') then 'ODD'
        else 'BAD'
    end
{%- endmacro %}
{# T-SQL has no regular expressions: each run of digits is first drawn together to one 0, so that a few patterns tell
   every value that is none (so does one with more than 64 digits). Taking the record apart to look at each value takes
   several times as long. The collation makes characters what their codes say: one for people takes other signs for
   digits too, and is slow. PATINDEX, as LIKE knows no ranges on servers that only speak T-SQL. #}
{% macro by_code(expression) %}({{ expression }}) collate Latin1_General_BIN2{% endmacro %}
{% macro has_pattern(expression, pattern) %}patindex('%{{ pattern }}%', {{ expression }}) > 0{% endmacro %}
{% macro sqlserver__value_form(values_text) -%}
    {%- set listed = "concat(',', " ~ by_code(values_text) ~ ", ',')" -%}
    {%- set ns = namespace(shape="translate(" ~ listed ~ ", '0123456789', '0000000000')") -%}
    {%- for _ in range(6) %}{% set ns.shape = "replace(" ~ ns.shape ~ ", '00', '0')" %}{% endfor -%}
    {%- for _ in range(3) %}{% set ns.shape = "replace(" ~ ns.shape ~ ", '  ', ' ')" %}{% endfor -%}
    case
        when {{ has_pattern(listed, "[, -]" ~ "[0-9]" * 10) }} then 'BAD'
        when exists (
            select 1
            from (select top (1) {{ ns.shape }} as shape) as shapes
            where
                {% for sign in ['[^0., -]', '[0.-]-', '-[, -]', '[0.-] [0.-]', '..', '.0.', '[, -].[, ]', '00', '  '] -%}
                {{ "or " if not loop.first }}{{ has_pattern("shape", sign) }}
                {% endfor %}
        ) then 'BAD'
        else 'ODD'
    end
{%- endmacro %}
{% macro spark__value_form(values_text) -%}
    {%- set odd = " *(-?([0-9]{1,9}([.][0-9]*)?|[.][0-9]+))? *" -%}
    case when {{ values_text }} rlike '^({{ odd }},)*{{ odd }}$' then 'ODD' else 'BAD' end
{%- endmacro %}

{# Whether a value has at least so many digits before its point; may say yes too often, never no when it is so. #}
{% macro has_long_value(values_text, digits) %}{{ adapter.dispatch('has_long_value')(values_text, digits) }}{% endmacro %}
{% macro default__has_long_value(values_text, digits) -%}
    regexp_matches({{ values_text }}, '(^|,) *-?0*[1-9][0-9]{% raw %}{{% endraw %}{{ digits - 1 }}{% raw %}}{% endraw %}')
{%- endmacro %}
{% macro sqlserver__has_long_value(values_text, digits) -%}
    {{ has_pattern("concat(',', " ~ by_code(values_text) ~ ")", "[, 0-][1-9]" ~ "[0-9]" * (digits - 1)) }}
{%- endmacro %}
{% macro spark__has_long_value(values_text, digits) -%}
    {{ values_text }} rlike '(^|,) *-?0*[1-9][0-9]{% raw %}{{% endraw %}{{ digits - 1 }}{% raw %}}{% endraw %}'
{%- endmacro %}

{% macro json_array_of(values_text) %}concat('["', replace({{ values_text }}, ',', '","'), '"]'){% endmacro %}

{# Rows of `relation`, one per value of `values_text`, with the value's text and its place from 1 (ordinal). #}
{% macro split_record(relation, columns, values_text='values_text') -%}
    {{ adapter.dispatch('split_record')(relation, columns, values_text) }}
{%- endmacro %}
{% macro default__split_record(relation, columns, values_text) -%}
    select
        {%- for column in columns %}
        {{ column }},
        {%- endfor %}
        unnest(string_split({{ values_text }}, ',')) as value_text,
        cast(generate_subscripts(string_split({{ values_text }}, ','), 1) as integer) as ordinal
    from {{ relation }}
{%- endmacro %}
{% macro sqlserver__split_record(relation, columns, values_text) -%}
    select
        {%- for column in columns %}
        records.{{ column }},
        {%- endfor %}
        delivered.[value] as value_text,
        cast(delivered.[key] as int) + 1 as ordinal
    from {{ relation }} as records
    cross apply openjson({{ json_array_of('records.' ~ values_text) }}) as delivered
{%- endmacro %}
{% macro spark__split_record(relation, columns, values_text) -%}
    select
        {%- for column in columns %}
        {{ column }},
        {%- endfor %}
        value_text,
        position + 1 as ordinal
    from {{ relation }}
    lateral view posexplode(split({{ values_text }}, ',')) delivered as position, value_text
{%- endmacro %}

{# The names of the 48 half-hour columns of a channel-day: half hour 1 is 00:00 to 00:30 market time. #}
{% macro half_hour_columns() -%}
    {%- set names = [] -%}
    {%- for number in range(1, 49) %}{% do names.append("hh_%02d_kwh" % number) %}{% endfor -%}
    {{ return(names) }}
{%- endmacro %}

{% macro largest_of(expressions) %}{{ adapter.dispatch('largest_of')(expressions) }}{% endmacro %}
{% macro default__largest_of(expressions) %}greatest({{ expressions | join(', ') }}){% endmacro %}
{% macro sqlserver__largest_of(expressions) -%}
    (select max(candidate) from (values ({{ expressions | join('), (') }})) as candidates (candidate))
{%- endmacro %}

{% macro smallest_of(expressions) %}{{ adapter.dispatch('smallest_of')(expressions) }}{% endmacro %}
{% macro default__smallest_of(expressions) %}least({{ expressions | join(', ') }}){% endmacro %}
{% macro sqlserver__smallest_of(expressions) -%}
    (select min(candidate) from (values ({{ expressions | join('), (') }})) as candidates (candidate))
{%- endmacro %}

{#
  Rows (columns..., half_hour 1 to 48, energy_kwh) of channel-days: a relation that carries the half-hour columns of
  int_channel_days__current and is_conflicting. A channel-day in conflict has no energy to bill and yields no row.
#}
{% macro half_hours_of(relation, columns=['nmi', 'nmi_suffix', 'market_date']) -%}
    {{ adapter.dispatch('half_hours_of')(relation, columns) }}
{%- endmacro %}
{% macro default__half_hours_of(relation, columns) -%}
    select
        {%- for column in columns %}
        {{ column }},
        {%- endfor %}
        unnest(range(1, 49)) as half_hour,
        unnest([{{ half_hour_columns() | join(', ') }}]) as energy_kwh
    from {{ relation }}
    where is_conflicting = 0
{%- endmacro %}
{% macro sqlserver__half_hours_of(relation, columns) -%}
    select
        {%- for column in columns %}
        channel_days.{{ column }},
        {%- endfor %}
        half_hours.half_hour,
        half_hours.energy_kwh
    from {{ relation }} as channel_days
    cross apply (
        values
        {%- for column in half_hour_columns() %}
        ({{ loop.index }}, channel_days.{{ column }}){{ "," if not loop.last }}
        {%- endfor %}
    ) as half_hours (half_hour, energy_kwh)
    where channel_days.is_conflicting = 0
{%- endmacro %}
{% macro spark__half_hours_of(relation, columns) -%}
    select
        {%- for column in columns %}
        {{ column }},
        {%- endfor %}
        stack(48, {% for column in half_hour_columns() %}{{ loop.index }}, {{ column }}{{ ", " if not loop.last }}{% endfor %})
            as (half_hour, energy_kwh)
    from {{ relation }}
    where is_conflicting = 0
{%- endmacro %}
