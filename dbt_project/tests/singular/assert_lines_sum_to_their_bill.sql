{{ config(tags=['billing']) }}
-- Detects: a bill whose total or GST is not that of its lines.
-- Matters: a cent on the bill could not be traced to a line.
-- A row: the bill, its totals and those of its lines.
with lines as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        cast(sum(amount_ex_gst_aud) as decimal(18, 2)) as lines_ex_gst_aud,
        cast(sum(gst_aud) as decimal(18, 4)) as lines_gst_aud
    from {{ ref('fct_shadow_bill_lines') }}
    group by contract_id, period_start_date, period_end_date
)

select
    bills.contract_id,
    bills.period_start_date,
    bills.period_end_date,
    bills.total_ex_gst_aud,
    lines.lines_ex_gst_aud,
    bills.gst_aud,
    lines.lines_gst_aud
from {{ ref('fct_shadow_bills') }} as bills
left join lines
    on
        bills.contract_id = lines.contract_id
        and bills.period_start_date = lines.period_start_date
        and bills.period_end_date = lines.period_end_date
where
    (bills.status = 'NOT_PRICEABLE' and lines.contract_id is not null)
    or (
        bills.status <> 'NOT_PRICEABLE'
        and (
            bills.total_ex_gst_aud <> coalesce(lines.lines_ex_gst_aud, 0)
            or bills.gst_aud <> {{ to_the_cent('coalesce(lines.lines_gst_aud, 0)') }}
        )
    )
