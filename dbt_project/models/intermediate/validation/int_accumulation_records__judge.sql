-- One row per basic meter's record that this run judges.
select
    records.nmi,
    records.nmi_suffix,
    records.register_id,
    records.previous_read_date as first_market_date,
    records.current_read_date as last_market_date,
    records.serial_number,
    records.current_quality_method,
    records.current_quality_flag,
    records.energy_kwh,
    records.has_wrong_checksum,
    records.is_conflicting,
    {{ filed_under('coalesce(judged.due_billing_day, records.billing_day)') }} as billing_day
from {{ ref('int_accumulation_records__current') }} as records
inner join {{ ref('int_nmis__judge') }} as judged
    on
        records.nmi = judged.nmi
        and records.current_read_date >= judged.first_date
        and records.previous_read_date <= judged.last_date
