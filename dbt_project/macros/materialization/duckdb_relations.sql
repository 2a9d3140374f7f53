{#
  Tables and views on DuckDB in one statement and one commit.

  dbt builds beside the old relation, renames twice and drops the old one afterwards, each through macros of its own:
  six statements and two commits per model, which is most of a small day. DuckDB replaces a relation atomically inside
  a transaction, so a reader still sees the old rows or the new ones, and a failed model leaves the old ones.
  Not for tables with foreign keys or indexes; this project has neither.
#}
{% materialization table, adapter="duckdb" %}
    {%- set target_relation = this.incorporate(type="table") -%}
    {{ run_hooks(pre_hooks) }}
    {% call statement("main") -%}
        {{ drop_other_kind(load_cached_relation(this), target_relation) }}
        {{ create_or_replace_table(target_relation, sql) }}
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({"relations": [target_relation]}) }}
{% endmaterialization %}


{% materialization view, adapter="duckdb" %}
    {%- set target_relation = this.incorporate(type="view") -%}
    {{ run_hooks(pre_hooks) }}
    {% call statement("main") -%}
        {{ drop_other_kind(load_cached_relation(this), target_relation) }}
        {%- if config.get("contract").enforced %}{{ get_assert_columns_equivalent(sql) }}{% endif %}
        create or replace view {{ target_relation }} as ({{ sql }});
    {%- endcall %}
    {{ run_hooks(post_hooks) }}
    {{ adapter.commit() }}
    {{ return({"relations": [target_relation]}) }}
{% endmaterialization %}


{% macro create_or_replace_table(relation, sql) -%}
    {%- if config.get("contract").enforced -%}
        {{ get_assert_columns_equivalent(sql) }}
        {#- The rows are found before the table is replaced: a model may read its own former rows. -#}
        create or replace temporary table {{ model.name }}__rows as ({{ get_select_subquery(sql) }});
        create or replace table {{ relation }} {{ get_table_columns_and_constraints() }};
        insert into {{ relation }} {{ get_column_names() }} select * from {{ model.name }}__rows;
        drop table {{ model.name }}__rows;
    {%- else -%}
        create or replace table {{ relation }} as ({{ sql }});
    {%- endif -%}
{%- endmacro %}


{% macro drop_other_kind(existing, wanted) -%}
    {%- if existing is not none and existing.type != wanted.type -%}
        drop {{ existing.type }} {{ existing }};
    {%- endif -%}
{%- endmacro %}


{# Indexes are SQL Server's (dbt_project.yml); DuckDB finds its rows by the ranges of each block. #}
{% macro duckdb__create_indexes(relation) %}{% endmacro %}
