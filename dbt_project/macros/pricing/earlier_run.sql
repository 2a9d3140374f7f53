{# What an earlier run left in a table that this run will only write later (a ref would be a cycle): its relation, or
   none when it does not exist yet or nothing may be asked of the warehouse (offline compile). #}
{% macro left_by_earlier_run(schema, identifier) -%}
    {%- if execute and flags.INTROSPECT and not flags.FULL_REFRESH -%}
        {{ return(adapter.get_relation(database=target.database, schema=schema, identifier=identifier)) }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}
