-- One row per recurrent fee of a plan version: its amount ex GST, its unit and how many of it a number of days are. A fee is
-- inc GST unless its words say otherwise. Fees for an event (a connection, a late payment) are on no ordinary bill,
-- whatever their term. is_priceable 0: a percentage, a missing amount, or a fee that is the customer's choice.
with recurrent as (
    select
        plan_id,
        version_hash,
        fee_number,
        fee_type,
        term,
        amount_aud,
        coalesce({{ gst_in_words('description') }}, 'INC') as gst_basis
    from {{ ref('stg_plans__fees') }}
    where
        term in ('ANNUAL', 'BIANNUAL', 'MONTHLY', 'WEEKLY', 'DAILY', 'PERCENT_OF_BILL')
        and fee_type in ('MEMBERSHIP', 'CONTRIBUTION', 'PAPER_BILL', 'OTHER')
)

select
    plan_id,
    version_hash,
    fee_number,
    fee_type,
    term,
    gst_basis,
    {{ without_gst('amount_aud', 'gst_basis') }} as unit_price_ex_gst_aud,
    case term
        when 'ANNUAL' then 'YEAR' when 'BIANNUAL' then 'HALF_YEAR' when 'MONTHLY' then 'MONTH' when 'WEEKLY' then 'WEEK'
        else 'DAY'
    end as unit,
    case term when 'BIANNUAL' then 2 when 'MONTHLY' then 12 else 1 end as per_year_or_day,
    case term when 'DAILY' then 1 when 'WEEKLY' then 7 else 365 end as days,
    case when amount_aud >= 0 and fee_type <> 'PAPER_BILL' and term <> 'PERCENT_OF_BILL' then 1 else 0 end as is_priceable
from recurrent
