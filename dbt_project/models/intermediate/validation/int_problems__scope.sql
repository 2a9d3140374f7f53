-- One row per rule and subject (with days) that this run looked at and the queue holds something open for: what is open
-- there and was not found again is settled. Only what is open is listed, as the queue need not hear about the rest.
with open_problems as (
    select distinct
        rule_code,
        nmi,
        contract_id
    from {{ ref('stg_operations__exception_queue') }}
    where state = 'OPEN'
),

read_rules as (
    select
        open_problems.rule_code,
        open_problems.nmi,
        cast(null as {{ text_type(20) }}) as contract_id,
        judged.first_date as first_market_date,
        judged.last_date as last_market_date
    from open_problems
    inner join {{ ref('int_nmis__judge') }} as judged
        on open_problems.nmi = judged.nmi
    where
        open_problems.rule_code in (
            {{ rules_on_channel_days() }},
            'SUM_DIFFERS', 'REGISTER_BACKWARDS', 'REGISTER_ROLLED_OVER', 'READ_BEFORE_PREVIOUS'
        )
),

contract_rules as (
    select
        open_problems.rule_code,
        due.nmi,
        due.contract_id,
        due.period_start_date as first_market_date,
        due.period_end_date as last_market_date
    from open_problems
    inner join {{ ref('int_bill_periods__due') }} as due
        on open_problems.contract_id = due.contract_id
    where open_problems.rule_code in (
        'READ_MISSING_DAY', 'ORDER_WITHOUT_DATA', 'CONTRACT_OVERLAP', 'REGISTER_UNKNOWN', 'PLAN_UNKNOWN',
        'PLAN_NOT_PRICEABLE', 'PLAN_FIELD_UNKNOWN', 'PLAN_WORDS', 'SEASON_HIGH_LOW', 'METER_OVERLAP'
    )
),

known_nmis as (
    select
        open_problems.rule_code,
        open_problems.nmi,
        cast(null as {{ text_type(20) }}) as contract_id,
        cast(null as date) as first_market_date,
        cast(null as date) as last_market_date
    from open_problems
    inner join {{ ref('stg_retailer__service_points') }} as service_points
        on open_problems.nmi = service_points.nmi
    where open_problems.rule_code = 'NMI_UNKNOWN'
),

-- Rules on all orders and readings up to the run's last day: what a later day found is not looked at here.
whole_rules as (
    select distinct
        rule_code,
        nmi,
        contract_id,
        first_market_date,
        last_market_date
    from {{ ref('stg_operations__exception_queue') }}
    where
        state = 'OPEN'
        and rule_code in ('ORDER_WITHOUT_CONTRACT', 'ORDER_DATES_INVALID', 'READING_WITHOUT_REGISTER')
        and last_market_date <= {{ date_literal(var('end_day')) }}
),

file_rules as (
    select distinct
        open_problems.rule_code,
        files.billing_day
    from open_problems
    cross join {{ ref('int_meter_files__judge') }} as files
    where open_problems.rule_code in ('FILE_UNREADABLE', 'FILE_NO_HEADER', 'FILE_CUT_OFF', 'RECORD_REJECTED')
),

source_rules as (
    select distinct
        open_problems.rule_code,
        outcomes.billing_day
    from open_problems
    cross join {{ ref('stg_operations__source_outcomes') }} as outcomes
    where
        open_problems.rule_code = 'SOURCE_UNAVAILABLE'
        and outcomes.billing_day
        between {{ date_literal(var('start_day')) }} and {{ date_literal(var('end_day')) }}
)

select
    rule_code,
    nmi,
    contract_id,
    first_market_date,
    last_market_date
from read_rules
union all
select
    rule_code,
    nmi,
    contract_id,
    first_market_date,
    last_market_date
from contract_rules
union all
select
    rule_code,
    nmi,
    contract_id,
    first_market_date,
    last_market_date
from known_nmis
union all
select
    rule_code,
    nmi,
    contract_id,
    first_market_date,
    last_market_date
from whole_rules
union all
select
    rule_code,
    cast(null as {{ text_type(20) }}) as nmi,
    cast(null as {{ text_type(20) }}) as contract_id,
    billing_day as first_market_date,
    billing_day as last_market_date
from file_rules
union all
select
    rule_code,
    cast(null as {{ text_type(20) }}) as nmi,
    cast(null as {{ text_type(20) }}) as contract_id,
    billing_day as first_market_date,
    billing_day as last_market_date
from source_rules
