-- One row per 250 record (NEM13): energy of a register between two reads.
with delivered as (
    select
        *,
        upper(trim(nmi)) as delivered_nmi
    from {{ source('meter_data', 'meter_accumulation_records') }}
),

checked as (
    select
        *,
        {{ nmi_checksum_state('delivered_nmi') }} as checksum_state
    from delivered
)

select
    billing_day,
    file_name,
    line_number,
    source,
    delivered_nmi,
    case when checksum_state = 'RIGHT' then substring(delivered_nmi, 1, 10) else delivered_nmi end as nmi,
    case when checksum_state = 'WRONG' then 1 else 0 end as has_wrong_checksum,
    upper({{ clean_text('nmi_configuration') }}) as nmi_configuration,
    {{ clean_text('register_id') }} as register_id,
    upper(trim(nmi_suffix)) as nmi_suffix,
    {{ clean_text('mdm_data_stream') }} as mdm_data_stream,
    {{ clean_text('meter_serial_number') }} as serial_number,
    upper({{ clean_text('direction_indicator') }}) as direction_indicator,
    {{ safe_decimal('previous_register_read', 18, 6) }} as previous_register_read,
    {{ market_time_to_utc('previous_read_text') }} as previous_read_at,
    {{ compact_date('substring(trim(previous_read_text), 1, 8)') }} as previous_read_date,
    upper({{ clean_text('previous_quality_method') }}) as previous_quality_method,
    upper(substring({{ clean_text('previous_quality_method') }}, 1, 1)) as previous_quality_flag,
    {{ safe_integer('previous_reason_code') }} as previous_reason_code,
    {{ safe_decimal('current_register_read', 18, 6) }} as current_register_read,
    {{ market_time_to_utc('current_read_text') }} as current_read_at,
    {{ compact_date('substring(trim(current_read_text), 1, 8)') }} as current_read_date,
    upper({{ clean_text('current_quality_method') }}) as current_quality_method,
    upper(substring({{ clean_text('current_quality_method') }}, 1, 1)) as current_quality_flag,
    {{ safe_integer('current_reason_code') }} as current_reason_code,
    {{ safe_decimal('quantity', 23, 14) }} as quantity,
    trim(unit) as unit,
    {{ kwh_factor('unit') }} as kwh_factor,
    try_cast({{ safe_decimal('quantity', 23, 14) }} * {{ kwh_factor('unit') }} as {{ kwh_type() }}) as energy_kwh,
    {{ compact_date('next_scheduled_read_date') }} as next_scheduled_read_date,
    {{ read_version_instant('update_text', 'file_created_text', 'billing_day') }} as read_version_at,
    {{ market_time_to_utc('msats_load_text') }} as msats_loaded_at,
    content_hash
from checked
