{# Fails for each combination of columns that occurs more than once among the rows that the run's scope
   names: for tables that keep years and change only there. #}
{% test unique_in_scope(model, columns, scope) %}
    select
        {% for column in columns %}tested.{{ column }}, {% endfor %}
        count(*) as row_count
    from {{ model }} as tested
    where exists (
        select 1
        from {{ scope }} as scope
        where {% for column in columns %}scope.{{ column }} = tested.{{ column }}{{ " and " if not loop.last }}{% endfor %}
    )
    group by {% for column in columns %}tested.{{ column }}{{ ", " if not loop.last }}{% endfor %}
    having count(*) > 1
{% endtest %}
