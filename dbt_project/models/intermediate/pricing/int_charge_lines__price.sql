-- One row per line of a due bill that can be priced, before discounts, GreenPower and concessions: those are shares of
-- these lines. The list of charges and the rounding are in macros/pricing/charge_lines.sql.
{{ priced_lines(ref('int_charges__collect')) }}
