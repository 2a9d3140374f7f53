{# Fails for each combination of values that occurs more than once, or holds a null. #}
{% test unique_combination(model, columns) %}
    select
        {{ columns | join(",\n        ") }},
        count(*) as row_count
    from {{ model }}
    group by
        {{ columns | join(",\n        ") }}
    having
        count(*) > 1
        {%- for column in columns %}
        or max(case when {{ column }} is null then 1 else 0 end) = 1
        {%- endfor %}
{% endtest %}
