{{ config(tags=['settlement']) }}
-- One row per bill: contract_id, period_start_date, period_end_date. Rebuilt whole each run from all bills and SAP's last answers: a
-- bill SAP had not billed yesterday is looked at again today, and a revised bill is compared anew.
with judged as (
    select
        billing_day,
        contract_id,
        period_start_date,
        period_end_date,
        nmi,
        bill_status,
        status_reason,
        shadow_ex_gst_aud,
        billed_ex_gst_aud,
        shadow_kwh,
        billed_kwh,
        cast(billed_ex_gst_aud - shadow_ex_gst_aud as {{ bill_amount_type() }}) as difference_aud,
        cast(billed_kwh - shadow_kwh as {{ kwh_type() }}) as difference_kwh,
        rounding_kwh,
        billed_start_date,
        billed_end_date,
        is_same_period,
        currency,
        consumption_unit,
        reading_count,
        confirmed_count,
        held_count,
        consumption_register_count,
        case
            when billed_start_date is null then 'NOT_BILLED'
            when
                is_same_period = 0
                or bill_status <> 'READY'
                or coalesce(currency, '') <> 'AUD'
                or coalesce(consumption_unit, '') <> 'KWH'
                or billed_ex_gst_aud is null
                or billed_kwh is null
                then 'NOT_COMPARABLE'
        end as plain_outcome,
        case
            when abs(billed_ex_gst_aud - shadow_ex_gst_aud) > cast({{ var('tolerance_aud') }} as {{ bill_amount_type() }})
                then 1
            else 0
        end as differs_in_money,
        case
            when consumption_register_count > 0 and abs(billed_kwh - shadow_kwh) > rounding_kwh then 1
            else 0
        end as differs_in_energy
    from {{ ref('int_bills__compare') }}
)

select
    cast(contract_id as {{ text_type(40) }}) as contract_id,
    cast(period_start_date as date) as period_start_date,
    cast(period_end_date as date) as period_end_date,
    cast(billing_day as date) as billing_day,
    cast(nmi as {{ text_type(40) }}) as nmi,
    cast(shadow_ex_gst_aud as {{ bill_amount_type() }}) as shadow_ex_gst_aud,
    cast(billed_ex_gst_aud as {{ bill_amount_type() }}) as billed_ex_gst_aud,
    cast(shadow_kwh as {{ kwh_type() }}) as shadow_kwh,
    cast(billed_kwh as {{ kwh_type() }}) as billed_kwh,
    cast(difference_aud as {{ bill_amount_type() }}) as difference_aud,
    cast(difference_kwh as {{ kwh_type() }}) as difference_kwh,
    cast(rounding_kwh as {{ kwh_type() }}) as tolerance_kwh,
    cast(case
        when plain_outcome is not null then plain_outcome
        when differs_in_money = 1 or differs_in_energy = 1 then 'DIFFER'
        else 'AGREE'
    end as {{ text_type(20) }}) as outcome,
    {% set reason -%}
        case
        when plain_outcome = 'NOT_BILLED' and bill_status <> 'READY'
            then {{ concat_text(["'our bill is '", "bill_status", "': '", "status_reason"]) }}
        when plain_outcome = 'NOT_BILLED' and reading_count = 0 then 'the period has no meter reading order'
        when plain_outcome = 'NOT_BILLED' and held_count > 0 then 'its readings are held, nothing was loaded'
        when plain_outcome = 'NOT_BILLED' and confirmed_count < reading_count
            then {{ concat_text([text_of("confirmed_count"), "' of '", text_of("reading_count"), "' readings are confirmed by SAP'"]) }}
        when plain_outcome = 'NOT_BILLED' then 'loaded; SAP has not billed the period yet'
        when is_same_period = 0
            then {{ concat_text(["'SAP billed '", text_of("billed_start_date"), "' to '", text_of("billed_end_date")]) }}
        when bill_status <> 'READY'
            then {{ concat_text(["'SAP billed it though our bill is '", "bill_status", "': '", "status_reason"]) }}
        when coalesce(currency, '') <> 'AUD'
            then {{ concat_text(["'SAP''s amount is in '", "coalesce(currency, 'no currency')", "', not AUD'"]) }}
        when coalesce(consumption_unit, '') <> 'KWH'
            then {{ concat_text(["'SAP''s quantity is in '", "coalesce(consumption_unit, 'no unit')", "', not kWh'"]) }}
        when plain_outcome is not null then 'SAP answered no amount or no quantity'
        when differs_in_money = 1 and differs_in_energy = 1
            then {{ concat_text([
                "'SAP billed '", text_of("abs(difference_aud)"), "case when difference_aud > 0 then ' AUD more and ' else ' AUD less and ' end",
                text_of("cast(abs(difference_kwh) as decimal(18, 3))"), "case when difference_kwh > 0 then ' kWh more' else ' kWh less' end",
            ]) }}
        when differs_in_money = 1
            then {{ concat_text([
                "'SAP billed '", text_of("abs(difference_aud)"), "case when difference_aud > 0 then ' AUD more' else ' AUD less' end",
                "' for the same energy'",
            ]) }}
        when differs_in_energy = 1
            then {{ concat_text([
                "'the amounts agree, but SAP billed '", text_of("cast(abs(difference_kwh) as decimal(18, 3))"),
                "case when difference_kwh > 0 then ' kWh more' else ' kWh less' end", "' than the registers'' rounding explains'",
            ]) }}
        else 'same amount; same energy within the registers'' rounding'
    end
    {%- endset -%}
    {{ short_text(reason, 600) }} as reason
from judged
