-- One row per due bill and channel that its meters' registers name in the period: what part of the plan applies at all.
select distinct
    due.contract_id,
    due.period_start_date,
    due.period_end_date,
    due.nmi,
    registers.nmi_suffix,
    channels.section
from {{ ref('int_bill_periods__due') }} as due
inner join {{ ref('stg_retailer__devices') }} as devices
    on
        due.nmi = devices.nmi
        and (devices.installed_date is null or devices.installed_date <= due.period_end_date)
        and (devices.removed_date is null or devices.removed_date >= due.period_start_date)
inner join {{ ref('stg_retailer__registers') }} as registers
    on devices.device_id = registers.device_id
inner join {{ ref('int_channels__use') }} as channels
    on due.nmi = channels.nmi and registers.nmi_suffix = channels.nmi_suffix
