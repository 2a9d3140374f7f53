{{ config(tags=['settlement']) }}
-- Bills of sites with life support equipment that did not go out, whatever holds them: they are never held in silence.
with found as (
    select
        bills.contract_id,
        bills.nmi,
        bills.period_start_date as first_market_date,
        bills.period_end_date as last_market_date,
        bills.billing_day,
        bills.status,
        bills.status_reason
    from {{ ref('fct_shadow_bills') }} as bills
    inner join {{ ref('int_bill_periods__due') }} as due
        on
            bills.contract_id = due.contract_id
            and bills.period_start_date = due.period_start_date
            and bills.period_end_date = due.period_end_date
    inner join {{ ref('stg_retailer__service_points') }} as points
        on bills.nmi = points.nmi
    where points.is_life_support = 1 and bills.status <> 'READY'
)

select
    {{- contract_problem_columns('LIFE_SUPPORT_HELD', 'contract_id', concat_text([
        "'life support: the bill is '", "status", "'; '", "status_reason",
    ])) }}
from found
