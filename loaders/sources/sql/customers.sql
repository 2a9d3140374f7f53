-- Customers as they are now. One row per customer.
--
-- Relied on are the result's column names. Where your tables differ, change this query, not the program:
-- rename with "as", join as needed. Extra columns are ignored.
select
    customer_id,
    customer_name,
    email,
    customer_type,
    is_gst_registered,
    updated_at
from customers
