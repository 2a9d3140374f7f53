{# Fails for each row among those that the run's scope names where a condition does not hold; unknown counts as not holding. #}
{% test expression_holds_in_scope(model, columns, scope, expression) %}
    select tested.*
    from {{ model }} as tested
    where
        exists (
            select 1
            from {{ scope }} as scope
            where {% for column in columns %}scope.{{ column }} = tested.{{ column }}{{ " and " if not loop.last }}{% endfor %}
        )
        and case when {{ expression }} then 0 else 1 end = 1
{% endtest %}
