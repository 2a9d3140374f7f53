{# The exact types of energy, demand and money. Real meter exports carry 14 decimals; a price times a quantity stays
   within 38 digits: (23,14) x (14,8) has precision 37. #}
{% macro kwh_type() %}decimal(23, 14){% endmacro %}
{% macro kw_type() %}decimal(18, 6){% endmacro %}
{% macro unit_price_type() %}decimal(14, 8){% endmacro %}
{% macro line_amount_type() %}decimal(18, 2){% endmacro %}
{% macro line_gst_type() %}decimal(18, 4){% endmacro %}
{% macro bill_amount_type() %}decimal(18, 2){% endmacro %}

{# Sized text: columnstore and indexes on SQL Server need a length. Usable in model YAML through `target` only. #}
{% macro text_type(length) %}varchar({{ length }}){% endmacro %}
