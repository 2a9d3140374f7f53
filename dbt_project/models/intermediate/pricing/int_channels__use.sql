-- One row per channel (NMI and suffix) that the retailer has registers for: the part of a plan that prices its energy.
-- A DEMAND register only measures a channel's peak; it says nothing about the channel's use.
select
    devices.nmi,
    registers.nmi_suffix,
    max(case registers.usage_type
        when 'CONTROLLED_LOAD' then 'CONTROLLED_LOAD'
        when 'GENERATION' then 'FEED_IN'
        else 'TARIFF_PERIOD'
    end) as section,
    count(distinct registers.usage_type) as use_count
from {{ ref('stg_retailer__registers') }} as registers
inner join {{ ref('stg_retailer__devices') }} as devices
    on registers.device_id = devices.device_id
where registers.usage_type in ('GENERAL', 'CONTROLLED_LOAD', 'GENERATION') and registers.nmi_suffix is not null
group by devices.nmi, registers.nmi_suffix
