-- Records that were not taken, one problem per file, NMI and reason; the mart rejected_records has each of them.
with rejects as (
    select
        rejected.source,
        rejected.file_name,
        rejected.nmi,
        rejected.reason_code,
        rejected.billing_day as market_date,
        cast(count(*) as integer) as record_count,
        min(rejected.line_number) as first_line,
        min(rejected.reason) as reason
    from {{ ref('rejected_records') }} as rejected
    inner join {{ ref('int_meter_files__judge') }} as files
        on
            rejected.billing_day = files.billing_day
            and rejected.source = files.source
            and rejected.file_name = files.file_name
    where files.status <> 'QUARANTINED'
    group by rejected.source, rejected.file_name, rejected.nmi, rejected.reason_code, rejected.billing_day
)

select
    'RECORD_REJECTED' as rule_code,
    {{ concat_text(["source", "'|'", "file_name", "'|'", "nmi", "'|'", "reason_code"]) }} as subject,
    nmi,
    cast(null as {{ text_type(4) }}) as nmi_suffix,
    cast(null as {{ text_type(20) }}) as contract_id,
    market_date as first_market_date,
    market_date as last_market_date,
    {{ filed_under('market_date') }} as billing_day,
    {{ concat_text([
        "file_name", "' of '", text_of('market_date', 10), "': rejected records '", text_of('record_count'),
        "', the first on line '", text_of('first_line'), "': '", "reason",
    ]) }} as detail
from rejects
