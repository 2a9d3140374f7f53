-- Terms agreed for a contract (concessions, green power, met discounts). May select no rows.
--
-- Relied on are the result's column names. Where your tables differ, change this query, not the program:
-- rename with "as", join as needed. Extra columns are ignored.
select
    contract_id,
    term,
    value,
    start_date,
    end_date
from contract_terms
