-- Registers of devices. One row per device and register.
--
-- Relied on are the result's column names. Where your tables differ, change this query, not the program:
-- rename with "as", join as needed. Extra columns are ignored.
select
    device_id,
    register_id,
    nmi_suffix,
    usage_type,
    time_band,
    unit,
    multiplier,
    integer_places,
    decimal_places
from registers
