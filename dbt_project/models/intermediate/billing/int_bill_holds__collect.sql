-- One row per due bill that must wait: an open issue of its service point or contract touches the period, or a source
-- that its prices or contract come from could not be read for this run. Issues found after loading (SAP's answer, a
-- differing bill) hold nothing: the bill they are about is already loaded.
with failed_sources as (
    select {{ join_text('source_name', ', ', 'source_name') }} as source_names
    from (
        select distinct source_name
        from {{ ref('stg_operations__source_outcomes') }}
        where
            status = 'FAILED'
            and source_name in ('retailer_db', 'plans_api')
            and billing_day between {{ date_literal(var('start_day')) }} and {{ date_literal(var('end_day')) }}
    ) as failed
),

issues as (
    select
        exception_id,
        rule_code,
        nmi,
        contract_id,
        detail,
        coalesce(first_market_date, {{ date_literal('1900-01-01') }}) as first_market_date,
        coalesce(last_market_date, first_market_date, {{ date_literal('9999-12-31') }}) as last_market_date
    from {{ ref('stg_operations__exception_queue') }}
    where
        state = 'OPEN'
        and severity = 'ISSUE'
        and (
            rule_code not in ('READ_MISSING_DAY', 'READ_PARTIAL_DAY')
            or not exists (
                select 1
                from {{ ref('int_estimation_parameters__list') }} as parameters
                where
                    parameters.parameter = 'ESTIMATES_BILLED'
                    and parameters.parameter_value = 1
                    and {{ date_literal(var('end_day')) }} between parameters.first_date and parameters.last_date
            )
        )
        and rule_code not in (
            'READING_NOT_FORMED', 'SAP_REJECTED', 'SAP_LOCKED', 'SAP_UNKNOWN', 'SAP_REVERSAL_NEEDED', 'BILL_DIFFERS',
            'BILL_NOT_COMPARABLE', 'SOURCE_UNAVAILABLE', 'REVISION_OUTSIDE_WINDOW', 'LIFE_SUPPORT_HELD'
        )
),

touching as (
    select
        due.contract_id,
        due.period_start_date,
        due.period_end_date,
        issues.exception_id,
        issues.rule_code,
        issues.detail
    from {{ ref('int_bill_periods__due') }} as due
    inner join issues
        on
            due.nmi = issues.nmi
            and issues.first_market_date <= due.period_end_date
            and issues.last_market_date >= due.period_start_date
    union
    select
        due.contract_id,
        due.period_start_date,
        due.period_end_date,
        issues.exception_id,
        issues.rule_code,
        issues.detail
    from {{ ref('int_bill_periods__due') }} as due
    inner join issues
        on
            due.contract_id = issues.contract_id
            and issues.first_market_date <= due.period_end_date
            and issues.last_market_date >= due.period_start_date
),

ranked as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        rule_code,
        detail,
        row_number() over (
            partition by contract_id, period_start_date, period_end_date order by rule_code, exception_id
        ) as issue_number,
        count(*) over (partition by contract_id, period_start_date, period_end_date) as issue_count
    from touching
)

select
    due.contract_id,
    due.period_start_date,
    due.period_end_date,
    {% set reason -%}
        case
            when ranked.contract_id is null then {{ concat_text(["'could not be read for this day: '", "failed_sources.source_names"]) }}
            when ranked.issue_count = 1 then {{ concat_text(["ranked.rule_code", "': '", "ranked.detail"]) }}
            else {{ concat_text(["ranked.rule_code", "': '", "ranked.detail", "' (and '", text_of('ranked.issue_count - 1', 6), "' more)'"]) }}
        end
    {%- endset -%}
    {{ short_text(reason, 500) }} as hold_reason
from {{ ref('int_bill_periods__due') }} as due
cross join failed_sources
left join ranked
    on
        due.contract_id = ranked.contract_id
        and due.period_start_date = ranked.period_start_date
        and due.period_end_date = ranked.period_end_date
        and ranked.issue_number = 1
where ranked.contract_id is not null or failed_sources.source_names is not null
