{{ config(table_refresh_method='dml') }}
-- One row per NMI and channel that the retailer database has a register for, and the days one of its devices is there.
select
    devices.nmi,
    registers.nmi_suffix,
    min(coalesce(devices.installed_date, {{ date_literal('1900-01-01') }})) as first_date,
    max(coalesce(devices.removed_date, {{ date_literal('9999-12-31') }})) as last_date,
    min(devices.serial_number) as first_serial_number,
    max(devices.serial_number) as last_serial_number
from {{ ref('stg_retailer__registers') }} as registers
inner join {{ ref('stg_retailer__devices') }} as devices
    on registers.device_id = devices.device_id
where registers.nmi_suffix is not null and devices.nmi is not null
group by devices.nmi, registers.nmi_suffix
