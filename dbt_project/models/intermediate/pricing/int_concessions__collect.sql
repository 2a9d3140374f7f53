{{ config(materialized='view') }}
-- One row per concession on a due bill.
-- Which models give them is told in macros/pricing/charge_lines.sql and nowhere else.
{{ union_of_charges('CONCESSIONS') }}
