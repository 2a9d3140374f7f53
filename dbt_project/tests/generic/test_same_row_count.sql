{# Fails when another relation has not as many rows. #}
{% test same_row_count(model, other) %}
    select
        counted.own_count,
        counted.other_count
    from (
        select
            (select count(*) from {{ model }}) as own_count,
            (select count(*) from {{ other }}) as other_count
    ) as counted
    where counted.own_count <> counted.other_count
{% endtest %}
