-- Two meters that measure one channel on the same days, as after a change whose dates do not fit: their energy would be
-- billed twice. The day of the change belongs to both. Meters of different channels, and a register that only shows a
-- peak, are no overlap. The same for two basic meters' records whose days overlap.
with registers as (
    select
        devices.nmi,
        devices.device_id,
        registers.nmi_suffix,
        registers.time_band,
        coalesce(devices.installed_date, {{ date_literal('1900-01-01') }}) as installed_date,
        coalesce(devices.removed_date, {{ date_literal('9999-12-31') }}) as removed_date
    from {{ ref('stg_retailer__registers') }} as registers
    inner join {{ ref('stg_retailer__devices') }} as devices
        on registers.device_id = devices.device_id
    where registers.usage_type <> 'DEMAND' and registers.nmi_suffix is not null
),

shared as (
    select
        due.contract_id,
        due.nmi,
        earlier.nmi_suffix,
        due.period_start_date,
        due.period_end_date,
        earlier.device_id as first_meter,
        later.device_id as second_meter,
        {{ largest_of(['earlier.installed_date', 'later.installed_date']) }} as first_shared_date,
        {{ smallest_of(['earlier.removed_date', 'later.removed_date']) }} as last_shared_date,
        {{ filed_under('due.billing_day') }} as billing_day
    from {{ ref('int_bill_periods__due') }} as due
    inner join registers as earlier
        on due.nmi = earlier.nmi
    inner join registers as later
        on
            earlier.nmi = later.nmi
            and earlier.nmi_suffix = later.nmi_suffix
            and earlier.device_id < later.device_id
            and (earlier.time_band = later.time_band or earlier.time_band = 'ALL' or later.time_band = 'ALL')
),

found as (
    select distinct
        contract_id,
        nmi,
        nmi_suffix,
        first_meter,
        second_meter,
        {{ largest_of(['first_shared_date', 'period_start_date']) }} as first_market_date,
        {{ smallest_of(['last_shared_date', 'period_end_date']) }} as last_market_date,
        billing_day
    from shared
    where
        first_shared_date < last_shared_date
        and first_shared_date <= period_end_date
        and last_shared_date >= period_start_date
    union all
    select
        cast(null as {{ text_type(20) }}) as contract_id,
        earlier.nmi,
        earlier.nmi_suffix,
        earlier.register_id as first_meter,
        later.register_id as second_meter,
        {{ largest_of(['earlier.first_market_date', 'later.first_market_date']) }} as first_market_date,
        {{ smallest_of(['earlier.last_market_date', 'later.last_market_date']) }} as last_market_date,
        earlier.billing_day
    from {{ ref('int_accumulation_records__judge') }} as earlier
    inner join {{ ref('int_accumulation_records__judge') }} as later
        on
            earlier.nmi = later.nmi
            and earlier.nmi_suffix = later.nmi_suffix
            and earlier.register_id < later.register_id
            and earlier.first_market_date < later.last_market_date
            and later.first_market_date < earlier.last_market_date
)

select
    'METER_OVERLAP' as rule_code,
    {{ concat_text(["nmi", "'|'", "nmi_suffix", "'|'", "first_meter", "'|'", "second_meter"]) }} as subject,
    nmi,
    nmi_suffix,
    contract_id,
    first_market_date,
    last_market_date,
    billing_day,
    {{ concat_text([
        "'channel '", "nmi_suffix", "': meters or registers '", "first_meter", "' and '", "second_meter",
        "' both measure it from '", text_of('first_market_date', 10), "' to '", text_of('last_market_date', 10),
    ]) }} as detail
from found
