{{ config(materialized='view') }}
-- One row per discount or green power charge of a due bill, which are shares of its charges or bought on top of them.
-- Which models give them is told in macros/pricing/charge_lines.sql and nowhere else.
{{ union_of_charges('SHARES') }}
