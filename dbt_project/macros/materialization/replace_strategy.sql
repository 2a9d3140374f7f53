{#
  Incremental strategy `replace`: one transaction deletes the target's rows whose keys are named by a scope relation
  and inserts the new ones. A key in scope that yields no row any more disappears, which delete+insert by the new
  rows' own keys would miss.

  config: replace_scope = name of the model that lists the keys in scope; replace_on = the key columns.
#}
{% macro get_incremental_replace_sql(arg_dict) %}
    {%- set target_relation = arg_dict["target_relation"] -%}
    {%- set columns = arg_dict["dest_columns"] | map(attribute="quoted") | join(", ") -%}
    {%- set keys = config.require("replace_on") -%}
    delete from {{ target_relation }}
    where exists (
        select 1
        from {{ ref(config.require("replace_scope")) }} as scope_keys
        where
            {% for key in keys -%}
                scope_keys.{{ key }} = {{ target_relation }}.{{ key }}{% if not loop.last %} and {% endif %}
            {% endfor %}
    );
    insert into {{ target_relation }} ({{ columns }})
    select {{ columns }}
    from {{ arg_dict["temp_relation"] }}
{% endmacro %}
