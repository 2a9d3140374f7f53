-- Contracts as they are now. One row per contract; end_date null while it is open.
--
-- Relied on are the result's column names. Where your tables differ, change this query, not the program:
-- rename with "as", join as needed. Extra columns are ignored.
select
    contract_id,
    contract_account_id,
    nmi,
    start_date,
    end_date
from contracts
