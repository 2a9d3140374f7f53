{# Fails for each row where a condition does not hold; unknown (null) counts as not holding. #}
{% test expression_holds(model, expression) %}
    select *
    from {{ model }}
    where case when {{ expression }} then 0 else 1 end = 1
{% endtest %}
