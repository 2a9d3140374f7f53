{# Text helpers whose spelling differs between engines. Arguments are SQL expressions given as Jinja strings. #}

{# Null when there is nothing in it: files write "no value" as an empty or blank field. #}
{% macro clean_text(expression) %}nullif(trim({{ expression }}), ''){% endmacro %}

{% macro text_length(expression) %}{{ adapter.dispatch('text_length')(expression) }}{% endmacro %}
{% macro default__text_length(expression) %}length({{ expression }}){% endmacro %}
{% macro sqlserver__text_length(expression) %}len({{ expression }}){% endmacro %}

{# Bytes of a text as varchar keeps it, in UTF-8. #}
{% macro text_octets(expression) %}{{ adapter.dispatch('text_octets')(expression) }}{% endmacro %}
{% macro default__text_octets(expression) %}strlen({{ expression }}){% endmacro %}
{% macro sqlserver__text_octets(expression) %}datalength(cast({{ expression }} as varchar(max))){% endmacro %}
{% macro spark__text_octets(expression) %}octet_length({{ expression }}){% endmacro %}

{# A text for people in a column of so many bytes. One that does not fit ends in three dots, on every engine alike: a cast
   alone cuts it on SQL Server without a word and nowhere else. Not for identifiers, which are never cut: what is too long to
   be one is refused where it comes in (loaders/warehouse/schema.py). #}
{% macro short_text(expression, length) -%}
    cast(
        case
            when {{ text_octets(expression) }} > {{ length }} and {{ text_octets(expression) }} = {{ text_length(expression) }}
                then {{ concat_text(["substring(" ~ expression ~ ", 1, " ~ (length - 3) ~ ")", "'...'"]) }}
            when {{ text_octets(expression) }} > {{ length }}
                then {{ concat_text(["substring(" ~ expression ~ ", 1, " ~ ((length - 3) // 4) ~ ")", "'...'"]) }}
            else {{ expression }}
        end as {{ text_type(length) }}
    )
{%- endmacro %}

{% macro text_of(expression, length=40) %}cast({{ expression }} as {{ text_type(length) }}){% endmacro %}

{# Join expressions to one text; a null counts as empty on every engine. #}
{% macro concat_text(expressions) %}{{ adapter.dispatch('concat_text')(expressions) }}{% endmacro %}
{% macro default__concat_text(expressions) %}concat({{ expressions | join(', ') }}){% endmacro %}
{% macro spark__concat_text(expressions) -%}
    concat({% for e in expressions %}coalesce(cast({{ e }} as string), ''){% if not loop.last %}, {% endif %}{% endfor %})
{%- endmacro %}

{# Aggregate: the texts of a group in order, separated. #}
{% macro join_text(expression, separator, order_by) %}{{ adapter.dispatch('join_text')(expression, separator, order_by) }}{% endmacro %}
{% macro default__join_text(expression, separator, order_by) -%}
    string_agg({{ expression }}, '{{ separator }}' order by {{ order_by }})
{%- endmacro %}
{% macro sqlserver__join_text(expression, separator, order_by) -%}
    string_agg(cast({{ expression }} as varchar(max)), '{{ separator }}') within group (order by {{ order_by }})
{%- endmacro %}
{% macro spark__join_text(expression, separator, order_by) -%}
    listagg(cast({{ expression }} as string), '{{ separator }}') within group (order by {{ order_by }})
{%- endmacro %}

{# A stable key: the first 32 hexadecimal digits of SHA-256, the same on every engine for ASCII text. #}
{% macro text_hash(expression) %}{{ adapter.dispatch('text_hash')(expression) }}{% endmacro %}
{% macro default__text_hash(expression) %}substring(sha256({{ expression }}), 1, 32){% endmacro %}
{# Digit by digit: servers that only speak T-SQL do not know convert(.., 2), which writes binary as hexadecimal. The
   expression must not be an aggregate, as it stands inside a subquery. #}
{% macro sqlserver__text_hash(expression) -%}
    (
        select string_agg(concat(
            substring('0123456789abcdef', octets.octet / 16 + 1, 1), substring('0123456789abcdef', octets.octet % 16 + 1, 1)
        ), '') within group (order by octets.place)
        from (
            select places.place, cast(substring(hashed.digest, places.place, 1) as int) as octet
            from (select hashbytes('SHA2_256', cast({{ expression }} as varchar(max))) as digest) as hashed
            cross join (values {% for place in range(1, 17) %}({{ place }}){{ ", " if not loop.last }}{% endfor %}) as places (place)
        ) as octets
    )
{%- endmacro %}
{% macro spark__text_hash(expression) %}substring(sha2({{ expression }}, 256), 1, 32){% endmacro %}
