{#- A rule is one model int_problems__<rule>, added here. Those on plans and contracts' plans belong to pricing, those on
    SAP's answers to int_problems__settlement. -#}
{%- set rules = [
    ref('int_problems__file_unreadable'),
    ref('int_problems__file_no_header'),
    ref('int_problems__file_cut_off'),
    ref('int_problems__record_rejected'),
    ref('int_problems__version_conflict'),
    ref('int_problems__nmi_unknown'),
    ref('int_problems__nmi_checksum'),
    ref('int_problems__suffix_not_configured'),
    ref('int_problems__serial_differs'),
    ref('int_problems__read_missing_day'),
    ref('int_problems__read_partial_day'),
    ref('int_problems__read_spike'),
    ref('int_problems__read_negative'),
    ref('int_problems__read_substituted'),
    ref('int_problems__read_estimated'),
    ref('int_problems__events_incomplete'),
    ref('int_problems__quality_invalid'),
    ref('int_problems__contract_overlap'),
    ref('int_problems__order_without_contract'),
    ref('int_problems__order_dates_invalid'),
    ref('int_problems__order_without_data'),
    ref('int_problems__register_unknown'),
    ref('int_problems__reading_without_register'),
    ref('int_problems__plan_unknown'),
    ref('int_problems__plan_not_priceable'),
    ref('int_problems__plan_field_unknown'),
    ref('int_problems__source_unavailable'),
] -%}
-- One row per problem that this run found: rule, subject and first day make its key, so that finding it again changes
-- nothing. A problem of an NMI carries the contract that holds it, for the people who read the queue.
with problems as (
    {%- for rule in rules %}
    select
        rule_code,
        subject,
        nmi,
        nmi_suffix,
        contract_id,
        first_market_date,
        last_market_date,
        billing_day,
        detail
    from {{ rule }}
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
),

keyed as (
    select
        problems.rule_code,
        problems.nmi,
        problems.nmi_suffix,
        problems.contract_id,
        problems.first_market_date,
        problems.last_market_date,
        problems.billing_day,
        problems.detail,
        {{ concat_text([
            "problems.rule_code", "'|'", "problems.subject", "'|'", text_of('problems.first_market_date', 10),
        ]) }} as problem_key
    from problems
),

holders as (
    select
        keyed.problem_key,
        min(contracts.contract_id) as contract_id
    from keyed
    inner join {{ ref('stg_retailer__contracts') }} as contracts
        on
            keyed.nmi = contracts.nmi
            and coalesce(keyed.last_market_date, keyed.billing_day) >= contracts.start_date
            and coalesce(keyed.last_market_date, keyed.billing_day)
            <= coalesce(contracts.end_date, {{ date_literal('9999-12-31') }})
    where keyed.contract_id is null
    group by keyed.problem_key
)

select
    keyed.problem_key,
    keyed.billing_day,
    keyed.rule_code,
    rules.severity,
    keyed.nmi,
    keyed.nmi_suffix,
    coalesce(keyed.contract_id, holders.contract_id) as contract_id,
    keyed.first_market_date,
    keyed.last_market_date,
    keyed.detail
from keyed
left join {{ ref('exception_rules') }} as rules
    on keyed.rule_code = rules.rule_code
left join holders
    on keyed.problem_key = holders.problem_key
