-- One row per plan, jurisdiction and market day that this run prices: the days of due bills and of the channel-days
-- delivered.
select
    plan_id,
    jurisdiction,
    market_date
from {{ ref('int_contract_days') }}
where plan_id is not null and jurisdiction is not null
union
select
    plan_id,
    jurisdiction,
    market_date
from {{ ref('int_channel_days__assign') }}
where plan_id is not null and jurisdiction is not null
