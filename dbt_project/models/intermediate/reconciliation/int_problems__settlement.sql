{{ config(tags=['settlement']) }}
-- One row per problem seen after the load, in the shape of int_problems__detected. They look at SAP's answers,
-- so they never hold the bill that they are about.
with reading_problems as (
    select
        case load_status
            when 'REJECTED' then 'SAP_REJECTED'
            when 'LOCKED' then 'SAP_LOCKED'
            when 'UNKNOWN' then 'SAP_UNKNOWN'
            when 'REVERSAL_NEEDED' then 'SAP_REVERSAL_NEEDED'
        end as rule_code,
        billing_day,
        nmi,
        contract_id,
        period_start_date,
        period_end_date,
        {{ concat_text(["device_id", "'/'", "register_id", "'/'", "meter_reading_reason"]) }} as subject,
        {{ concat_text([
            "'device '", "device_id", "' register '", "register_id", "' reading '",
            text_of(rounded('reading_result', 20, 4)), "' of '", text_of("reading_date"),
            "case when sap_message is null then '' else ': ' end", "sap_message",
        ]) }} as detail
    from {{ ref('fct_isu_meter_readings') }}
    where load_status in ('REJECTED', 'LOCKED', 'UNKNOWN', 'REVERSAL_NEEDED')
),

unformed as (
    select
        'READING_NOT_FORMED' as rule_code,
        billing_day,
        nmi,
        contract_id,
        period_start_date,
        period_end_date,
        contract_id as subject,
        max(hold_reason) as detail
    from {{ ref('int_meter_readings__keep') }}
    where is_unformed = 1
    group by
        billing_day,
        nmi,
        contract_id,
        period_start_date,
        period_end_date
),

bill_problems as (
    select
        case outcome when 'DIFFER' then 'BILL_DIFFERS' else 'BILL_NOT_COMPARABLE' end as rule_code,
        billing_day,
        nmi,
        contract_id,
        period_start_date,
        period_end_date,
        contract_id as subject,
        reason as detail
    from {{ ref('fct_bill_reconciliation') }}
    where outcome in ('DIFFER', 'NOT_COMPARABLE')
),

latest_revisions as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        revision_day,
        nmi,
        to_version,
        difference_aud,
        outcome,
        reason,
        row_number() over (
            partition by contract_id, period_start_date, period_end_date order by revision_day desc
        ) as recency
    from {{ ref('fct_bill_revisions') }}
    where outcome <> 'NO_CHANGE'
),

revision_problems as (
    select
        'REVISION_OUTSIDE_WINDOW' as rule_code,
        revision_day as billing_day,
        nmi,
        contract_id,
        period_start_date,
        period_end_date,
        {{ concat_text(["contract_id", "' version '", text_of("to_version", 6)]) }} as subject,
        {{ concat_text([
            "'bill '", text_of("period_start_date", 10), "' to '", text_of("period_end_date", 10), "' would be AUD '",
            text_of("difference_aud"), "' more: '", "reason",
        ]) }} as detail
    from latest_revisions
    where recency = 1 and outcome = 'OUTSIDE_RECOVERY_WINDOW'
),

problems as (
    select
        rule_code,
        billing_day,
        nmi,
        contract_id,
        period_start_date,
        period_end_date,
        subject,
        detail
    from reading_problems
    union all
    select
        rule_code,
        billing_day,
        nmi,
        contract_id,
        period_start_date,
        period_end_date,
        subject,
        detail
    from unformed
    union all
    select
        rule_code,
        billing_day,
        nmi,
        contract_id,
        period_start_date,
        period_end_date,
        subject,
        detail
    from bill_problems
    union all
    select
        rule_code,
        billing_day,
        nmi,
        contract_id,
        period_start_date,
        period_end_date,
        subject,
        detail
    from revision_problems
    union all
    select
        rule_code,
        billing_day,
        nmi,
        contract_id,
        first_market_date as period_start_date,
        last_market_date as period_end_date,
        subject,
        detail
    from {{ ref('int_problems__life_support_held') }}
)

select
    {{ text_of(concat_text(["problems.rule_code", "'|'", "problems.subject", "'|'", text_of("problems.period_start_date")]), 400) }}
        as problem_key,
    problems.billing_day,
    problems.rule_code,
    rules.severity,
    problems.nmi,
    cast(null as {{ text_type(2) }}) as nmi_suffix,
    problems.contract_id,
    problems.period_start_date as first_market_date,
    problems.period_end_date as last_market_date,
    {{ short_text('problems.detail', 2000) }} as detail
from problems
inner join {{ ref('exception_rules') }} as rules
    on problems.rule_code = rules.rule_code
