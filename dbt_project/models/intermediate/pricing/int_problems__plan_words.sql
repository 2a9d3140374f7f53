-- Contracts on a plan whose words speak of a price that its fields do not carry (seed plan_words). The bill is priced by the
-- fields; a retailer that wants such bills held gives the rule the severity ISSUE.
with spoken as (
    select
        versions.plan_id,
        versions.version_hash,
        words.phrase,
        words.meaning
    from {{ ref('stg_plans__versions') }} as versions
    inner join {{ ref('plan_words') }} as words
        on lower(versions.content_json) like {{ concat_text(["'%'", "words.phrase", "'%'"]) }}
)

select
    'PLAN_WORDS' as rule_code,
    {{ concat_text(["prices.contract_id", "'|'", "prices.plan_id", "'|'", "spoken.phrase"]) }} as subject,
    due.nmi,
    cast(null as {{ text_type(4) }}) as nmi_suffix,
    prices.contract_id,
    prices.period_start_date as first_market_date,
    prices.period_end_date as last_market_date,
    {{ filed_under('due.billing_day') }} as billing_day,
    min({{ concat_text(["'plan '", "prices.plan_id", "' says '''", "spoken.phrase", "''': '", "spoken.meaning"]) }}) as detail
from {{ ref('int_bill_versions__segment') }} as prices
inner join spoken
    on prices.plan_id = spoken.plan_id and prices.version_hash = spoken.version_hash
inner join {{ ref('int_bill_periods__due') }} as due
    on
        prices.contract_id = due.contract_id
        and prices.period_start_date = due.period_start_date
        and prices.period_end_date = due.period_end_date
group by
    prices.contract_id, prices.plan_id, spoken.phrase, due.nmi, prices.period_start_date, prices.period_end_date,
    due.billing_day
