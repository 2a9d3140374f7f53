{{ config(materialized='view') }}
-- One row per charge of a due bill that needs no other line.
-- Which models give them is told in macros/pricing/charge_lines.sql and nowhere else.
{{ union_of_charges('CHARGES') }}
