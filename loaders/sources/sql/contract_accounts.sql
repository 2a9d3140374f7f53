-- Contract accounts as they are now. One row per contract account.
--
-- Relied on are the result's column names. Where your tables differ, change this query, not the program:
-- rename with "as", join as needed. Extra columns are ignored.
select
    contract_account_id,
    customer_id
from contract_accounts
