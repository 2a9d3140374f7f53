-- NMIs of eleven characters whose last one is not the check digit of the first ten.
with delivered as (
    select
        nmi,
        market_date as first_date,
        market_date as last_date,
        billing_day
    from {{ ref('int_interval_records__check') }}
    where refusal_code is null and has_wrong_checksum = 1
    union all
    select
        nmi,
        first_market_date as first_date,
        last_market_date as last_date,
        billing_day
    from {{ ref('int_accumulation_records__judge') }}
    where has_wrong_checksum = 1
),

wrong_nmis as (
    select
        nmi,
        min(first_date) as first_market_date,
        max(last_date) as last_market_date,
        max(billing_day) as billing_day
    from delivered
    group by nmi
)

select
    'NMI_CHECKSUM' as rule_code,
    nmi as subject,
    nmi,
    cast(null as {{ text_type(4) }}) as nmi_suffix,
    cast(null as {{ text_type(20) }}) as contract_id,
    first_market_date,
    last_market_date,
    {{ filed_under('billing_day') }} as billing_day,
    {{ concat_text([
        "'NMI '", "nmi", "' ends in '", "substring(nmi, 11, 1)", "', its check digit would be '",
        text_of(nmi_checksum('nmi'), 1),
    ]) }} as detail
from wrong_nmis
