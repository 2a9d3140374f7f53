-- Devices (meters). One row per device and installation.
--
-- Relied on are the result's column names. Where your tables differ, change this query, not the program:
-- rename with "as", join as needed. Extra columns are ignored.
select
    device_id,
    serial_number,
    nmi,
    installed_date,
    removed_date
from devices
