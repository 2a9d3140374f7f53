-- One row per channel-day whose current version may be another one after this run: named by a delivery it works, or by
-- what a delivery held when an earlier run worked it.
-- depends_on: {{ ref('int_meter_files__touched') }}
{%- set versions = left_by_earlier_run('intermediate', 'int_channel_day_versions__rank') %}
select
    nmi,
    nmi_suffix,
    market_date
from {{ ref('int_interval_records__check') }}
where refusal_code is null and kwh_factor is not null
group by nmi, nmi_suffix, market_date
{%- if versions %}
union
select
    versions.nmi,
    versions.nmi_suffix,
    versions.market_date
from {{ versions }} as versions
left join {{ ref('int_meter_files__touched') }} as touched
    on
        versions.billing_day = touched.billing_day
        and versions.source = touched.source
        and versions.file_name = touched.file_name
where
    touched.file_name is not null
    or versions.billing_day between {{ date_literal(var('start_day')) }} and {{ date_literal(var('end_day')) }}
{%- endif %}
