{# Columns of the rows of a wide table whose keys a small relation names. DuckDB reads all columns of all rows before it joins,
   which for a few rows of a table of years is nearly all of the work: there the rows are found by their keys alone, and
   only theirs are read. What stands in for a table in a unit test, or in a run without rows, has no row numbers. #}
{% macro picked_rows(relation, named_by, keys, columns) -%}
    {{ adapter.dispatch('picked_rows')(relation, named_by, keys, columns) }}
{%- endmacro %}
{% macro default__picked_rows(relation, named_by, keys, columns) -%}
    {%- if relation.is_cte or relation.limit is not none -%}
    {{ rows_named(relation, named_by, keys, columns) }}
    {%- else -%}
    select {{ columns | join(', ') }}
    from {{ relation }}
    where rowid in (
        {{ rows_named(relation, named_by, keys, ['rowid']) }}
    )
    {%- endif -%}
{%- endmacro %}
{% macro sqlserver__picked_rows(relation, named_by, keys, columns) -%}
    {{ rows_named(relation, named_by, keys, columns) }}
{%- endmacro %}
{% macro spark__picked_rows(relation, named_by, keys, columns) -%}
    {{ rows_named(relation, named_by, keys, columns) }}
{%- endmacro %}

{% macro rows_named(relation, named_by, keys, columns) -%}
    select wide_rows.{{ columns | join(', wide_rows.') }}
    from {{ relation }} as wide_rows
    where exists (
        select 1
        from {{ named_by }} as named_rows
        where
            {%- for key in keys %}
            named_rows.{{ key }} = wide_rows.{{ key }}{{ " and" if not loop.last }}
            {%- endfor %}
    )
{%- endmacro %}
