-- One row per contract, period and period type: what SAP last said it billed, net. After an adjustment reversal SAP answers the old
-- amount, the same one negative and the new one for one period; what nets to nothing has been reversed and is no bill.
with answers as (
    select
        contract_id,
        start_date,
        end_date,
        period_type,
        {{ safe_decimal('billed_amount', 18, 2) }} as billed_amount,
        {{ clean_text('currency') }} as currency,
        {{ safe_decimal('consumption_value', 23, 14) }} as consumption_value,
        {{ clean_text('consumption_unit') }} as consumption_unit,
        {{ clean_text('meter_reading_category') }} as meter_reading_category,
        read_at
    from {{ source('operations', 'sap_billed_consumption') }}
),

netted as (
    select
        contract_id,
        start_date,
        end_date,
        period_type,
        count(*) as answer_count,
        -- A sum would pass over what is missing; amounts in two currencies have none.
        case when count(billed_amount) = count(*) then cast(sum(billed_amount) as {{ bill_amount_type() }}) end as billed_amount,
        case when min(currency) = max(currency) and count(currency) = count(*) then min(currency) end as currency,
        case when count(consumption_value) = count(*) then cast(sum(consumption_value) as {{ kwh_type() }}) end as consumption_value,
        case when min(consumption_unit) = max(consumption_unit) and count(consumption_unit) = count(*) then min(consumption_unit) end
            as consumption_unit,
        max(meter_reading_category) as meter_reading_category,
        max(read_at) as read_at
    from answers
    group by contract_id, start_date, end_date, period_type
)

select
    contract_id,
    start_date,
    end_date,
    period_type,
    billed_amount,
    currency,
    consumption_value,
    consumption_unit,
    meter_reading_category,
    read_at
from netted
where not (answer_count > 1 and coalesce(billed_amount, 1) = 0 and coalesce(consumption_value, 1) = 0)
