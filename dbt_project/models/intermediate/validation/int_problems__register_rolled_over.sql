-- Registers that went through their zero between two reads; their energy counts over it.
select
    'REGISTER_ROLLED_OVER' as rule_code,
    {{ concat_text(["nmi", "'|'", "nmi_suffix", "'|'", "register_key"]) }} as subject,
    nmi,
    nmi_suffix,
    cast(null as {{ text_type(20) }}) as contract_id,
    first_market_date,
    last_market_date,
    billing_day,
    {{ concat_text([
        "'register '", "nmi_suffix", "': from '", three_decimals('previous_read'), "' on '",
        text_of('first_market_date', 10), "' to '", three_decimals('current_read'), "' on '",
        text_of('last_market_date', 10), "', through zero'",
    ]) }} as detail
from {{ ref('int_register_reads__judge') }}
where is_rolled_over = 1
