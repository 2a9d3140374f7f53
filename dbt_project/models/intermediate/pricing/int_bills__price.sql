-- One row per due bill: its totals before anything holds it, or why it has none. content_hash says whether two
-- computations of a bill are the same bill, of as much energy on as many days, of reads as good.
with totals as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        cast(sum(amount_ex_gst_aud) as {{ bill_amount_type() }}) as total_ex_gst_aud,
        {{ to_the_cent('sum(gst_aud)') }} as gst_aud,
        {{ join_text(
            concat_text([
                "charge_id", "'|'", text_of('price_start_date', 10), "'|'", "plan_id", "'|'", "version_hash", "'|'",
                text_of('quantity'), "'|'", text_of('unit_price_ex_gst_aud'), "'|'", text_of('amount_ex_gst_aud'), "'|'",
                text_of('gst_aud'),
            ]), ';', 'charge_id, price_start_date'
        ) }} as lines_text
    from {{ ref('int_lines__price') }}
    group by contract_id, period_start_date, period_end_date
),

last_plans as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        plan_id
    from {{ ref('int_contract_days') }}
    where market_date = period_end_date
)

select
    due.contract_id,
    due.period_start_date,
    due.period_end_date,
    due.billing_day,
    due.contract_account_id,
    due.nmi,
    last_plans.plan_id,
    due.day_count,
    cast(coalesce(read_usage.usage_kwh, 0) as {{ kwh_type() }}) as usage_kwh,
    cast(coalesce(read_usage.feed_in_kwh, 0) as {{ kwh_type() }}) as feed_in_kwh,
    cast(case when problems.contract_id is null then coalesce(totals.total_ex_gst_aud, 0) end as {{ bill_amount_type() }})
        as total_ex_gst_aud,
    cast(case when problems.contract_id is null then coalesce(totals.gst_aud, 0) end as {{ bill_amount_type() }}) as gst_aud,
    cast(
        case when problems.contract_id is null then coalesce(totals.total_ex_gst_aud, 0) + coalesce(totals.gst_aud, 0) end
        as {{ bill_amount_type() }}
    ) as total_inc_gst_aud,
    coalesce(read_usage.has_estimates, 0) as has_estimates,
    coalesce(read_usage.has_substitutes, 0) as has_substitutes,
    read_usage.read_version_at,
    problems.not_priceable_reason,
    {{ text_hash(concat_text([
        "last_plans.plan_id", "'|'", "totals.lines_text", "'|'", "problems.not_priceable_reason", "'|'",
        text_of('read_usage.usage_kwh'), "'|'", text_of('read_usage.feed_in_kwh'), "'|'",
        text_of('read_usage.read_day_count', 10), "'|'", text_of('read_usage.estimated_day_count', 10), "'|'",
        text_of('read_usage.substituted_day_count', 10),
    ])) }} as content_hash
from {{ ref('int_bill_periods__due') }} as due
left join last_plans
    on
        due.contract_id = last_plans.contract_id
        and due.period_start_date = last_plans.period_start_date
        and due.period_end_date = last_plans.period_end_date
left join {{ ref('int_bill_usage__sum') }} as read_usage
    on
        due.contract_id = read_usage.contract_id
        and due.period_start_date = read_usage.period_start_date
        and due.period_end_date = read_usage.period_end_date
left join totals
    on
        due.contract_id = totals.contract_id
        and due.period_start_date = totals.period_start_date
        and due.period_end_date = totals.period_end_date
left join {{ ref('int_bill_problems__summarise') }} as problems
    on
        due.contract_id = problems.contract_id
        and due.period_start_date = problems.period_start_date
        and due.period_end_date = problems.period_end_date
