{#- A rule is one model int_problems__<rule>, added here. Those on plans and contracts' plans belong to pricing, those on
    SAP's answers to int_problems__settlement; the three that keep a bill from being priced are int_problems__plan_stops_bill. -#}
{%- set rules = [
    ref('int_problems__file_unreadable'),
    ref('int_problems__file_no_header'),
    ref('int_problems__file_cut_off'),
    ref('int_problems__record_rejected'),
    ref('int_problems__version_conflict'),
    ref('int_problems__nmi_unknown'),
    ref('int_problems__nmi_closed'),
    ref('int_problems__nmi_checksum'),
    ref('int_problems__suffix_not_configured'),
    ref('int_problems__serial_differs'),
    ref('int_problems__read_missing_day'),
    ref('int_problems__read_partial_day'),
    ref('int_problems__read_spike'),
    ref('int_problems__read_impossible'),
    ref('int_problems__read_negative'),
    ref('int_problems__read_substituted'),
    ref('int_problems__read_estimated'),
    ref('int_problems__events_incomplete'),
    ref('int_problems__quality_invalid'),
    ref('int_problems__quality_combination'),
    ref('int_problems__zero_use'),
    ref('int_problems__vacant_use'),
    ref('int_problems__load_at_wrong_hours'),
    ref('int_problems__export_at_night'),
    ref('int_problems__season_high_low'),
    ref('int_problems__estimates_in_a_row'),
    ref('int_problems__sum_differs'),
    ref('int_problems__register_backwards'),
    ref('int_problems__register_rolled_over'),
    ref('int_problems__read_before_previous'),
    ref('int_problems__meter_overlap'),
    ref('int_problems__contract_overlap'),
    ref('int_problems__order_without_contract'),
    ref('int_problems__order_dates_invalid'),
    ref('int_problems__order_without_data'),
    ref('int_problems__register_unknown'),
    ref('int_problems__reading_without_register'),
    ref('int_problems__plan_stops_bill'),
    ref('int_problems__plan_words'),
    ref('int_problems__source_unavailable'),
] -%}
-- One row per problem that this run found: rule, subject and first day make its key, so that finding it again changes
-- nothing. A problem of an NMI carries the contract that holds it, for the people who read the queue, and says when the site
-- has life support equipment.
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

-- A run of days that begins or ends where this run's look ends goes on into what the queue holds open of the same
-- channel: a meter that is estimated day after day is one problem, not one a day.
open_runs as (
    select
        queue.rule_code,
        queue.nmi,
        queue.nmi_suffix,
        queue.first_market_date,
        queue.last_market_date,
        judged.first_date,
        judged.last_date
    from {{ ref('stg_operations__exception_queue') }} as queue
    inner join {{ ref('int_nmis__judge') }} as judged
        on queue.nmi = judged.nmi
    where
        queue.state = 'OPEN'
        and queue.rule_code in ({{ rules_on_channel_days() }})
        and (queue.first_market_date < judged.first_date or queue.last_market_date > judged.last_date)
),

extents as (
    select
        problems.rule_code,
        problems.subject,
        problems.first_market_date,
        min(open_runs.first_market_date) as earlier_date,
        max(open_runs.last_market_date) as later_date
    from problems
    inner join open_runs
        on
            problems.rule_code = open_runs.rule_code
            and problems.nmi = open_runs.nmi
            and problems.nmi_suffix = open_runs.nmi_suffix
            and (
                (
                    problems.first_market_date <= open_runs.first_date
                    and open_runs.last_market_date >= {{ add_days('problems.first_market_date', -1) }}
                    and open_runs.first_market_date < problems.first_market_date
                )
                or (
                    problems.last_market_date = open_runs.last_date
                    and open_runs.first_market_date <= {{ add_days('open_runs.last_date', 1) }}
                    and open_runs.last_market_date > open_runs.last_date
                )
            )
    group by problems.rule_code, problems.subject, problems.first_market_date
),

merged as (
    select
        problems.rule_code,
        problems.subject,
        problems.nmi,
        problems.nmi_suffix,
        problems.contract_id,
        case
            when extents.earlier_date < problems.first_market_date then extents.earlier_date
            else problems.first_market_date
        end as first_market_date,
        case
            when extents.later_date > problems.last_market_date then extents.later_date
            else problems.last_market_date
        end as last_market_date,
        problems.billing_day,
        {{ concat_text([
            "case when points.is_life_support = 1 then 'life support: ' else '' end", "problems.detail",
            "case when extents.earlier_date < problems.first_market_date then "
            ~ concat_text(["'; open since '", text_of('extents.earlier_date', 10)]) ~ " else '' end",
        ]) }} as detail
    from problems
    left join extents
        on
            problems.rule_code = extents.rule_code
            and problems.subject = extents.subject
            and problems.first_market_date = extents.first_market_date
    left join {{ ref('stg_retailer__service_points') }} as points
        on problems.nmi = points.nmi
),

keyed as (
    select
        merged.rule_code,
        merged.nmi,
        merged.nmi_suffix,
        merged.contract_id,
        merged.first_market_date,
        merged.last_market_date,
        merged.billing_day,
        merged.detail,
        {{ concat_text([
            "merged.rule_code", "'|'", "merged.subject", "'|'", text_of('merged.first_market_date', 10),
        ]) }} as problem_key
    from merged
),

-- Of problems that share a key (several records of one register that begin on one day) the longest stands for all.
chosen as (
    select
        rule_code,
        nmi,
        nmi_suffix,
        contract_id,
        first_market_date,
        last_market_date,
        billing_day,
        detail,
        problem_key,
        row_number() over (partition by problem_key order by last_market_date desc, detail) as choice
    from keyed
),

holders as (
    select
        chosen.problem_key,
        min(contracts.contract_id) as contract_id
    from chosen
    inner join {{ ref('stg_retailer__contracts') }} as contracts
        on
            chosen.nmi = contracts.nmi
            and coalesce(chosen.last_market_date, chosen.billing_day) >= contracts.start_date
            and coalesce(chosen.last_market_date, chosen.billing_day)
            <= coalesce(contracts.end_date, {{ date_literal('9999-12-31') }})
    where chosen.contract_id is null and chosen.choice = 1
    group by chosen.problem_key
)

select
    chosen.problem_key,
    chosen.billing_day,
    chosen.rule_code,
    rules.severity,
    chosen.nmi,
    chosen.nmi_suffix,
    coalesce(chosen.contract_id, holders.contract_id) as contract_id,
    chosen.first_market_date,
    chosen.last_market_date,
    chosen.detail
from chosen
left join {{ ref('exception_rules') }} as rules
    on chosen.rule_code = rules.rule_code
left join holders
    on chosen.problem_key = holders.problem_key
where chosen.choice = 1
