-- Readings of manually read meters in a window of reading dates.
--
-- Parameters: since_day (first reading date wanted), billing_day (last one). Select no other dates: the answer
-- replaces exactly this window.
--
-- Relied on are the result's column names. Where your tables differ, change this query, not the program:
-- rename with "as", join as needed. Extra columns are ignored.
select
    customer_id,
    meter_id,
    register_id,
    meter_reading,
    reading_date,
    reading_type,
    read_at
from meter_readings
where reading_date between :since_day and :billing_day
