-- Days of a worked bill period on which another contract holds the same NMI.
with overlapping as (
    select
        due.contract_id,
        due.nmi,
        others.contract_id as other_contract_id,
        case when others.start_date > due.period_start_date then others.start_date else due.period_start_date end
            as first_market_date,
        case when others.end_date < due.period_end_date then others.end_date else due.period_end_date end
            as last_market_date,
        {{ filed_under('due.billing_day') }} as billing_day
    from {{ ref('int_bill_periods__due') }} as due
    inner join {{ ref('stg_retailer__contracts') }} as others
        on
            due.nmi = others.nmi
            and due.contract_id <> others.contract_id
            and due.period_end_date >= others.start_date
            and due.period_start_date <= coalesce(others.end_date, {{ date_literal('9999-12-31') }})
)

select
    {{- contract_problem_columns('CONTRACT_OVERLAP', concat_text(["contract_id", "'|'", "other_contract_id"]), concat_text([
        "'contracts '", "contract_id", "' and '", "other_contract_id", "' both hold NMI '", "nmi", "' from '",
        text_of('first_market_date', 10), "' to '", text_of('last_market_date', 10),
    ])) }}
from overlapping
