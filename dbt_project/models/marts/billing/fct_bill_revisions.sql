{{ config(
    tags=['billing'],
    materialized='incremental',
    incremental_strategy='replace',
    replace_scope='int_bill_revisions__compare',
    replace_on=['contract_id', 'period_start_date', 'period_end_date', 'revision_day'],
    on_schema_change='append_new_columns',
) }}
-- One row per bill and billing day on which something reached it after its first version: what became of it.
-- What is not issued yet is simply billed anew. After that a difference below the tolerance is left; an undercharge whose
-- changed days begin before the recovery window is a person's decision; everything else is a difference bill.
with parameters as (
    select
        revisions.contract_id,
        revisions.period_start_date,
        revisions.period_end_date,
        parameters.parameter,
        coalesce(
            max(case when parameters.jurisdiction = revisions.jurisdiction then parameters.parameter_value end),
            max(case when parameters.jurisdiction = 'ALL' then parameters.parameter_value end)
        ) as parameter_value
    from {{ ref('int_bill_revisions__compare') }} as revisions
    inner join {{ ref('revision_parameters') }} as parameters
        on revisions.revision_day between parameters.first_date and parameters.last_date
    group by
        revisions.contract_id, revisions.period_start_date, revisions.period_end_date, parameters.parameter
),

limits as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        max(case when parameter = 'RECOVERY_MONTHS' then cast(parameter_value as integer) end) as recovery_months,
        max(case when parameter = 'UNDERCHARGE_TOLERANCE_AUD' then parameter_value end) as undercharge_tolerance_aud,
        max(case when parameter = 'OVERCHARGE_TOLERANCE_AUD' then parameter_value end) as overcharge_tolerance_aud,
        max(case when parameter = 'OVERCHARGE_NOTICE_AUD' then parameter_value end) as overcharge_notice_aud
    from parameters
    group by contract_id, period_start_date, period_end_date
),

weighed as (
    select
        revisions.contract_id,
        revisions.period_start_date,
        revisions.period_end_date,
        revisions.revision_day,
        revisions.from_version,
        revisions.to_version,
        revisions.nmi,
        revisions.jurisdiction,
        revisions.cause,
        coalesce(revisions.first_changed_date, revisions.period_start_date) as first_changed_date,
        coalesce(revisions.last_changed_date, revisions.period_end_date) as last_changed_date,
        revisions.is_issued,
        revisions.is_same_bill,
        revisions.from_total_inc_gst_aud,
        revisions.to_total_inc_gst_aud,
        revisions.to_total_inc_gst_aud - revisions.from_total_inc_gst_aud as difference_aud,
        revisions.difference_usage_kwh,
        revisions.difference_feed_in_kwh,
        revisions.to_status,
        limits.recovery_months,
        {{ add_months('revisions.revision_day', '-1 * limits.recovery_months') }} as recovery_start_date,
        limits.undercharge_tolerance_aud,
        limits.overcharge_tolerance_aud,
        limits.overcharge_notice_aud
    from {{ ref('int_bill_revisions__compare') }} as revisions
    left join limits
        on
            revisions.contract_id = limits.contract_id
            and revisions.period_start_date = limits.period_start_date
            and revisions.period_end_date = limits.period_end_date
),

judged as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        revision_day,
        from_version,
        to_version,
        nmi,
        jurisdiction,
        cause,
        first_changed_date,
        last_changed_date,
        is_issued,
        from_total_inc_gst_aud,
        to_total_inc_gst_aud,
        difference_aud,
        difference_usage_kwh,
        difference_feed_in_kwh,
        to_status,
        recovery_months,
        recovery_start_date,
        undercharge_tolerance_aud,
        overcharge_notice_aud,
        case
            when is_same_bill = 1 then 'NO_CHANGE'
            when is_issued = 0 then 'REBILL_BEFORE_ISSUE'
            when difference_aud is null then 'NOT_PRICEABLE'
            when difference_aud > 0 and difference_aud <= undercharge_tolerance_aud then 'BELOW_TOLERANCE'
            when difference_aud <= 0 and -1 * difference_aud <= overcharge_tolerance_aud then 'BELOW_TOLERANCE'
            when difference_aud > 0 and first_changed_date < recovery_start_date then 'OUTSIDE_RECOVERY_WINDOW'
            else 'ADJUSTMENT_AFTER_ISSUE'
        end as outcome
    from weighed
)

select
    cast(contract_id as {{ text_type(40) }}) as contract_id,
    period_start_date,
    period_end_date,
    revision_day,
    cast(from_version as integer) as from_version,
    cast(to_version as integer) as to_version,
    cast(nmi as {{ text_type(40) }}) as nmi,
    {{ short_text('jurisdiction', 20) }} as jurisdiction,
    cast(cause as {{ text_type(20) }}) as cause,
    first_changed_date,
    last_changed_date,
    cast(is_issued as integer) as is_issued,
    cast(from_total_inc_gst_aud as {{ bill_amount_type() }}) as from_total_inc_gst_aud,
    cast(to_total_inc_gst_aud as {{ bill_amount_type() }}) as to_total_inc_gst_aud,
    cast(difference_aud as {{ bill_amount_type() }}) as difference_aud,
    cast(difference_usage_kwh as {{ kwh_type() }}) as difference_usage_kwh,
    cast(difference_feed_in_kwh as {{ kwh_type() }}) as difference_feed_in_kwh,
    recovery_start_date,
    cast(outcome as {{ text_type(30) }}) as outcome,
    cast(
        {{ concat_text([
            "case outcome"
            ~ " when 'NO_CHANGE' then 'the same bill as before'"
            ~ " when 'REBILL_BEFORE_ISSUE' then 'SAP has not billed the period yet: the new version takes the place of the old'"
            ~ " when 'NOT_PRICEABLE' then 'one of the two versions has no total: see why the bill cannot be priced'"
            ~ " when 'BELOW_TOLERANCE' then " ~ concat_text([
                "case when difference_aud > 0 then 'not more than the tolerance of ' else 'nothing to give back' end",
                "case when difference_aud > 0 then " ~ text_of(rounded('undercharge_tolerance_aud', 18, 2))
                ~ " else '' end",
            ])
            ~ " when 'OUTSIDE_RECOVERY_WINDOW' then " ~ concat_text([
                "'days from '", text_of("first_changed_date", 10), "' changed; an undercharge told today is recovered from '",
                text_of("recovery_start_date", 10), "' on ('", text_of("recovery_months", 6), "' months): a person decides'",
            ])
            ~ " else case"
            ~ " when difference_aud > 0 then 'difference bill: recover, and offer to pay in instalments over the same time'"
            ~ " when -1 * difference_aud >= overcharge_notice_aud then "
            ~ "'difference bill: tell the customer within 10 business days and refund'"
            ~ " else 'difference bill: credit the next bill' end"
            ~ " end",
            "case when to_status = 'HELD' then '; the new version is held' else '' end",
        ]) }} as {{ text_type(500) }}
    ) as reason
from judged
