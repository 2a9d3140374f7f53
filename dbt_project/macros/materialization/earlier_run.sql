{# The relation an earlier run left behind, or none: in a first run, a full refresh, or where nothing may be asked of the
   database (compiling without a server). Reading it is no lineage: a model never waits for it. #}
{% macro left_by_earlier_run(schema, identifier) -%}
    {%- if execute and flags.INTROSPECT and not flags.FULL_REFRESH -%}
        {{ return(adapter.get_relation(database=target.database, schema=schema, identifier=identifier)) }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}

{# dbt's own is_incremental asks the database; without introspection the answer is no. #}
{% macro is_incremental() -%}
    {%- if not flags.INTROSPECT -%}{{ return(false) }}{%- endif -%}
    {{ return(dbt.is_incremental()) }}
{%- endmacro %}

{# Whether a table that exists has a column: a table built before the column was added has not. #}
{% macro has_column(relation, column) -%}
    {%- set names = adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') | list -%}
    {{ return(column in names) }}
{%- endmacro %}
