-- Meter numbers in files that are not those of the NMI's devices. Spaces and dashes aside, a number that only has more
-- in front (a maker's letters, zeros) is the same.
with known as (
    select
        devices.nmi,
        upper(replace(replace(devices.serial_number, '-', ''), ' ', '')) as serial_number
    from {{ ref('stg_retailer__devices') }} as devices
    where devices.serial_number is not null
),

delivered as (
    select
        nmi,
        nmi_suffix,
        market_date,
        serial_number,
        upper(replace(replace(serial_number, '-', ''), ' ', '')) as plain_serial_number,
        billing_day
    from {{ ref('int_channel_days__judge') }}
    where serial_number is not null
),

-- Nearly all are written alike; only the others are compared by their ends.
unlike as (
    select
        delivered.nmi,
        delivered.nmi_suffix,
        delivered.market_date,
        delivered.serial_number,
        delivered.plain_serial_number,
        delivered.billing_day
    from delivered
    left join known
        on delivered.nmi = known.nmi and delivered.plain_serial_number = known.serial_number
    where known.nmi is null
),

compared as (
    select
        unlike.nmi,
        unlike.nmi_suffix,
        unlike.market_date,
        unlike.serial_number,
        max(unlike.billing_day) as billing_day,
        max(case
            when right(known.serial_number, {{ text_length('unlike.plain_serial_number') }}) = unlike.plain_serial_number then 1
            when right(unlike.plain_serial_number, {{ text_length('known.serial_number') }}) = known.serial_number then 1
            else 0
        end) as is_known
    from unlike
    inner join known
        on unlike.nmi = known.nmi
    group by unlike.nmi, unlike.nmi_suffix, unlike.market_date, unlike.serial_number
),

found as (
    select
        nmi,
        nmi_suffix,
        market_date,
        serial_number,
        billing_day
    from compared
    where is_known = 0
),

runs as (
    {{ runs_of_days('found', ['nmi', 'nmi_suffix', 'serial_number'], {'billing_day': 'max(billing_day)'}) }}
),

devices as (
    select
        nmi,
        min(serial_number) as first_serial_number
    from {{ ref('stg_retailer__devices') }}
    group by nmi
),

described as (
    select
        runs.nmi,
        runs.nmi_suffix,
        runs.first_market_date,
        runs.last_market_date,
        runs.day_count,
        runs.serial_number,
        runs.billing_day,
        devices.first_serial_number
    from runs
    inner join devices
        on runs.nmi = devices.nmi
)

select
    {{- channel_problem_columns('SERIAL_DIFFERS', concat_text([
        "'channel '", "nmi_suffix", "' '", days_in_words(), "': meter '", "serial_number",
        "' in the file, '", "first_serial_number", "' in the retailer database'",
    ])) }}
from described
