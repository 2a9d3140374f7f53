{#
  What we do otherwise than the adapter for SQL Server. Servers that only speak T-SQL and report a level before 2016
  get the older ways, decided inside the batch, so that no model asks for the version first; on SQL Server 2016 SP1 and
  later nothing of this shows.
#}

{# No OPTION (LABEL = 'dbt-sqlserver') behind each statement: nobody reads it here, and T-SQL servers refuse it. #}
{% macro get_query_options(parse_options=False) -%};{%- endmacro %}

{% macro is_before_2016() -%}
    cast(parsename(cast(serverproperty('ProductVersion') as varchar(128)), 4) as int) < 13
{%- endmacro %}

{# An older server drops and creates a view that changed. One that did not stays: others may be built on it. #}
{% macro sqlserver__create_view_as(relation, sql) -%}
    {{ get_use_database_sql(relation.database) }}
    {%- if config.get('contract').enforced %}
    {{ get_assert_columns_equivalent(sql) }}
    {%- endif %}
    {%- set name = relation.include(database=False) %}
    declare @create_view nvarchar(max) = N'view {{ name }} as {{ escape_single_quotes(sql | trim) }}';
    if not ({{ is_before_2016() }})
    begin
        set @create_view = N'create or alter ' + @create_view;
        exec(@create_view);
    end
    else if not exists (
        select 1 from sys.sql_modules
        where
            object_id = object_id('{{ name }}')
            and definition collate Latin1_General_BIN2 = N'create ' + @create_view collate Latin1_General_BIN2
    )
    begin
        set @create_view = N'create ' + @create_view;
        drop view if exists {{ name }};
        exec(@create_view);
    end
{% endmacro %}

{# A contract compares the columns of a query, and T-SQL cannot put a query that begins with `with` into another: it is
   asked through a view. (The adapter asks a function that servers which only speak T-SQL lack.) #}
{% macro sqlserver__get_assert_columns_equivalent(sql) -%}
    {%- set probe = this.incorporate(path={"identifier": this.identifier ~ "__contract__dbt_tmp_vw"}, type="view") -%}
    {%- set name = probe.include(database=False) -%}
    {%- do run_query("drop view if exists " ~ name) -%}
    {%- do run_query("exec('create view " ~ name ~ " as " ~ escape_single_quotes(sql) ~ "')") -%}
    {%- do assert_columns_equivalent("select * from " ~ probe) -%}
    {%- do run_query("drop view if exists " ~ name) -%}
{%- endmacro %}

{# Views are always written anew: to ask whether one may stay takes as long, and describes a query of pages twice. #}
{% macro sqlserver__get_view_skip_check_sql(relation, compiled_sql) -%}
    select cast(null as nvarchar(1)) as definition, 1 as needs_refresh where 1 = 0
{%- endmacro %}

{% macro sqlserver__create_clustered_columnstore_index(relation) -%}
    if not ({{ is_before_2016() }})
    exec('create clustered columnstore index cci_{{ relation.identifier }} on {{ relation.include(database=False) }}');
{% endmacro %}

{# The kind of what is renamed is said: servers that only speak T-SQL do not find it out. #}
{% macro sqlserver__rename_relation(from_relation, to_relation) -%}
    {% call statement('rename_relation') -%}
        {{ get_use_database_sql(from_relation.database) }}
        exec sp_rename '{{ from_relation.schema }}.{{ from_relation.identifier }}', '{{ to_relation.identifier }}', 'OBJECT'
    {%- endcall %}
{% endmacro %}

{# Dropping a view drops no other: the adapter looks for views that stand on it, which takes rights on all of the database. #}
{% macro sqlserver__get_drop_sql(relation) -%}
    {{ get_use_database_sql(relation.database) }}
    exec('drop {{ relation.type }} if exists {{ relation.include(database=False) }};');
{%- endmacro %}

{# Before a run: the views that the adapter builds its tables and asks its tests through, left behind by a process that was
   killed. #}
{% macro drop_left_over_views() -%}
    {%- if target.type == 'sqlserver' %}
    declare @drop_views nvarchar(max) = (
        select string_agg(cast(concat('drop view ', quotename(schema_name(schema_id)), '.', quotename(name)) as nvarchar(max)), '; ')
        from sys.views
        where right(name, 12) = '__dbt_tmp_vw' or left(name, 9) = 'testview_'
    );
    exec(@drop_views);
    {%- endif -%}
{%- endmacro %}

{# Before each model: SQL Server waits for a lock for ever unless it is told otherwise. #}
{% macro limit_lock_waits() -%}
    {%- if target.type == 'sqlserver' -%}
        set lock_timeout {{ env_var('BILLSYNC_SQLSERVER_LOCK_TIMEOUT', '60') | int * 1000 }}
    {%- endif -%}
{%- endmacro %}

{# An older server keeps the indexes that a table was built with: it shortens their names, by which they are compared. #}
{% macro sqlserver__reconcile_indexes(relation) -%}
    {%- if sqlserver__server_major_version() >= 13 -%}
        {{ dbt.sqlserver__reconcile_indexes(relation) }}
    {%- endif -%}
{%- endmacro %}

{# No index on a column without a length, which SQL Server refuses in a key: a raw column that a long text has widened
   hands its type down to the models. The index is for speed alone, so the day goes on without it. #}
{% macro sqlserver__get_create_index_sql(relation, index_dict) -%}
    if not exists (
        select 1 from sys.columns
        where
            object_id = object_id('{{ relation.include(database=False) }}')
            and max_length = -1
            and name in ('{{ index_dict["columns"] | join("', '") }}')
    )
    begin
    {{ dbt.sqlserver__get_create_index_sql(relation, index_dict) }}
    end
{%- endmacro %}

{# Only unit tests cast so: what they give and expect becomes of its column's type. Servers that only speak T-SQL know no
   size of a computed number and tell (38, 38), into which nothing from 1 on fits; no column of ours is of that type. #}
{% macro sqlserver__safe_cast(field, type) -%}
    try_cast({{ field }} as {{ type | replace('(38,38)', '(38,14)') }})
{%- endmacro %}
