-- Which plan holds for a contract from when. One row per contract and start_date.
--
-- Relied on are the result's column names. Where your tables differ, change this query, not the program:
-- rename with "as", join as needed. Extra columns are ignored.
select
    contract_id,
    plan_id,
    start_date,
    end_date
from contract_plans
