-- One row per due bill and term that was agreed for its contract and holds on a day of it, with its first and last day in
-- the bill. The same row twice counts once. refusal says why a term cannot be used: better no bill than a wrong one.
with terms as (
    select distinct
        contract_id,
        coalesce(term, '') as term,
        term_value,
        value_number,
        coalesce(start_date, {{ date_literal('1900-01-01') }}) as first_date,
        coalesce(end_date, {{ date_literal('9999-12-31') }}) as last_date,
        has_unreadable_date
    from {{ ref('stg_retailer__contract_terms') }}
),

in_bills as (
    select
        due.contract_id,
        due.period_start_date,
        due.period_end_date,
        terms.term,
        terms.term_value,
        terms.value_number,
        case when terms.first_date > due.period_start_date then terms.first_date else due.period_start_date end as first_date,
        case when terms.last_date < due.period_end_date then terms.last_date else due.period_end_date end as last_date,
        terms.has_unreadable_date
    from {{ ref('int_bill_periods__due') }} as due
    inner join terms
        on
            due.contract_id = terms.contract_id
            and due.period_end_date >= terms.first_date
            and due.period_start_date <= terms.last_date
            and terms.first_date <= terms.last_date
),

numbered as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        term,
        term_value,
        value_number,
        first_date,
        last_date,
        has_unreadable_date,
        row_number() over (
            partition by contract_id, period_start_date, period_end_date, term order by first_date, last_date, term_value
        ) as term_number,
        max(last_date) over (
            partition by contract_id, period_start_date, period_end_date, term order by first_date, last_date, term_value
            rows between unbounded preceding and 1 preceding
        ) as earlier_last_date
    from in_bills
)

select
    contract_id,
    period_start_date,
    period_end_date,
    term,
    term_value,
    value_number,
    first_date,
    last_date,
    cast(term_number as integer) as term_number,
    case
        when term not in ('CONCESSION_PERCENT', 'CONCESSION_FIXED', 'GREEN_POWER_PERCENT', 'DISCOUNT_MET', 'FEED_IN')
            then 'there is no such term'
        when has_unreadable_date = 1 then 'its start or end is no date'
        when term_value is null then 'it has no value'
        when term in ('DISCOUNT_MET', 'FEED_IN') then null
        when value_number is null then {{ concat_text(["'its value '", "term_value", "' is no number'"]) }}
        when value_number < 0 then {{ concat_text(["'its value '", "term_value", "' is negative'"]) }}
        when term <> 'CONCESSION_FIXED' and value_number > 100
            then {{ concat_text(["'its value '", "term_value", "' is more than 100 percent'"]) }}
        when earlier_last_date >= first_date
            then {{ concat_text(["'two of them hold on '", text_of('first_date', 10), "', and nothing says whether they add up'"]) }}
    end as refusal
from numbered
