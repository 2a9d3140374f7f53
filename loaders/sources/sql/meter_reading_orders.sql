-- IS-U's meter reading orders that close on the billing day.
--
-- Parameter: billing_day.
--
-- Relied on are the result's column names. Where your tables differ, change this query, not the program:
-- rename with "as", join as needed. Extra columns are ignored.
select
    meter_reading_order_id,
    contract_id,
    device_id,
    register_id,
    meter_reading_reason,
    scheduled_read_date,
    period_start_date,
    previous_reading
from meter_reading_orders
where scheduled_read_date = :billing_day
