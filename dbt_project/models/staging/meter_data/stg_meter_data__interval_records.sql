-- One row per 300 record or API channel-day, as delivered: NMI normalised, unit known, version instant settled.
with delivered as (
    select
        *,
        upper(trim(nmi)) as delivered_nmi
    from {{ source('meter_data', 'meter_interval_records') }}
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
    upper(trim(nmi_suffix)) as nmi_suffix,
    upper({{ clean_text('nmi_configuration') }}) as nmi_configuration,
    {{ clean_text('register_id') }} as register_id,
    {{ clean_text('mdm_data_stream') }} as mdm_data_stream,
    {{ clean_text('meter_serial_number') }} as serial_number,
    trim(unit) as unit,
    {{ kwh_factor('unit') }} as kwh_factor,
    interval_length_minutes,
    {{ compact_date('next_scheduled_read_date') }} as next_scheduled_read_date,
    {{ compact_date('interval_date') }} as market_date,
    values_text,
    value_count,
    content_hash,
    upper({{ clean_text('quality_method') }}) as quality_method,
    upper(substring({{ clean_text('quality_method') }}, 1, 1)) as quality_flag,
    {{ safe_integer('reason_code') }} as reason_code,
    {{ clean_text('reason_description') }} as reason_description,
    {{ read_version_instant('update_text', 'file_created_text', 'billing_day') }} as read_version_at,
    {{ market_time_to_utc('msats_load_text') }} as msats_loaded_at
from checked
