{{ config(table_refresh_method='dml') }}
-- Recurrent fees, in proportion to the days of the bill: a year is 365 days, a month 365/12.
select
    segments.contract_id,
    segments.period_start_date,
    segments.period_end_date,
    {{ concat_text(["'FEE:'", "fees.fee_type", "':'", text_of('fees.fee_number', 4)]) }} as charge_id,
    segments.price_start_date,
    segments.plan_id,
    segments.version_hash,
    'FEE' as charge_type,
    'ALL' as time_band,
    1 as block_number,
    cast({{ divide('(segments.day_count * fees.per_year_or_day)', 'fees.days', 14, 0) }} as {{ kwh_type() }}) as quantity,
    fees.unit,
    fees.unit_price_ex_gst_aud,
    0 as is_credit,
    case when fees.gst_basis = 'FREE' then 'FREE' else 'TAXED' end as gst_treatment
from {{ ref('int_bill_versions__segment') }} as segments
inner join {{ ref('int_fees__recur') }} as fees
    on segments.plan_id = fees.plan_id and segments.version_hash = fees.version_hash
where fees.is_priceable = 1 and fees.unit_price_ex_gst_aud > 0
