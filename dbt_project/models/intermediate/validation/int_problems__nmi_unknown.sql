-- NMIs with meter data of any unit that the retailer database does not know; the wrong check digit has its own rule.
with delivered as (
    select
        nmi,
        market_date as first_date,
        market_date as last_date,
        billing_day
    from {{ ref('int_interval_records__check') }}
    where refusal_code is null and has_wrong_checksum = 0
    union all
    select
        nmi,
        first_market_date as first_date,
        last_market_date as last_date,
        billing_day
    from {{ ref('int_accumulation_records__judge') }}
    where has_wrong_checksum = 0
),

unknown_nmis as (
    select
        nmi,
        min(first_date) as first_market_date,
        max(last_date) as last_market_date,
        max(billing_day) as billing_day
    from delivered
    where not exists (
        select 1
        from {{ ref('stg_retailer__service_points') }} as service_points
        where service_points.nmi = delivered.nmi
    )
    group by nmi
)

select
    'NMI_UNKNOWN' as rule_code,
    nmi as subject,
    nmi,
    cast(null as {{ text_type(4) }}) as nmi_suffix,
    cast(null as {{ text_type(20) }}) as contract_id,
    first_market_date,
    last_market_date,
    {{ filed_under('billing_day') }} as billing_day,
    {{ concat_text([
        "'meter data from '", text_of('first_market_date', 10), "' to '", text_of('last_market_date', 10),
        "' for NMI '", "nmi", "', which is not in the retailer database'",
    ]) }} as detail
from unknown_nmis
