{{ config(materialized='view', tags=['reporting']) }}
-- The watch list for true-up: one row per current bill, channel, market day and way of estimating whose energy is not an actual
-- read. A row goes when a better read arrives, because the bill then has a new version.
with estimated_bills as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        bill_version,
        billing_day,
        nmi,
        status
    from {{ ref('fct_shadow_bills') }}
    where has_estimates = 1
),

own_estimates as (
    select
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date,
        reads.nmi_suffix,
        reads.market_date,
        reads.register_key as estimated_by,
        reads.energy_kwh
    from estimated_bills as bills
    inner join {{ ref('fct_bill_read_versions') }} as reads
        on
            bills.contract_id = reads.contract_id
            and bills.period_start_date = reads.period_start_date
            and bills.period_end_date = reads.period_end_date
            and bills.bill_version = reads.bill_version
    where reads.source = 'ESTIMATE'
),

delivered_estimates as (
    select
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date,
        reads.nmi_suffix,
        reads.market_date,
        'DELIVERED' as estimated_by,
        reads.energy_kwh
    from estimated_bills as bills
    inner join {{ ref('fct_bill_read_versions') }} as reads
        on
            bills.contract_id = reads.contract_id
            and bills.period_start_date = reads.period_start_date
            and bills.period_end_date = reads.period_end_date
            and bills.bill_version = reads.bill_version
    inner join {{ ref('fct_daily_usage') }} as daily_usage
        on
            reads.nmi = daily_usage.nmi
            and reads.nmi_suffix = daily_usage.nmi_suffix
            and reads.market_date = daily_usage.market_date
    where reads.source <> 'ESTIMATE' and reads.register_key = '' and daily_usage.estimated_interval_count > 0
),

estimates as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        nmi_suffix,
        market_date,
        estimated_by,
        energy_kwh
    from own_estimates
    union all
    select
        contract_id,
        period_start_date,
        period_end_date,
        nmi_suffix,
        market_date,
        estimated_by,
        energy_kwh
    from delivered_estimates
)

select
    bills.billing_day,
    cast(bills.contract_id as {{ text_type(40) }}) as contract_id,
    bills.period_start_date,
    bills.period_end_date,
    cast(bills.bill_version as integer) as bill_version,
    cast(bills.nmi as {{ text_type(40) }}) as nmi,
    cast(bills.status as {{ text_type(20) }}) as status,
    cast(coalesce(estimates.nmi_suffix, '') as {{ text_type(20) }}) as nmi_suffix,
    coalesce(estimates.market_date, bills.period_end_date) as market_date,
    cast(coalesce(estimates.estimated_by, 'BASIC METER READ') as {{ text_type(60) }}) as estimated_by,
    cast(estimates.energy_kwh as {{ kwh_type() }}) as energy_kwh
from estimated_bills as bills
left join estimates
    on
        bills.contract_id = estimates.contract_id
        and bills.period_start_date = estimates.period_start_date
        and bills.period_end_date = estimates.period_end_date
