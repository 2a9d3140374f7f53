-- One row per contract and channel-day whose daily energy has to be computed (again): its reads, its use, its plan or the
-- plan's versions around the day are not those of the stored rows. basis_hash says what the rows are computed from.
{%- set stored = left_by_earlier_run('intermediate', 'int_daily_energy__by_rate') %}
with plan_days as (
    select
        days.plan_id,
        days.market_date,
        {{ join_text('by_date.version_hash', ',', 'by_date.local_date') }} as versions_text
    from (
        select distinct
            plan_id,
            market_date
        from {{ ref('int_plan_days__needed') }}
    ) as days
    inner join {{ ref('int_tariff_periods__by_date') }} as by_date
        on
            days.plan_id = by_date.plan_id
            and by_date.local_date between {{ add_days('days.market_date', -1) }} and {{ add_days('days.market_date', 1) }}
    group by days.plan_id, days.market_date
),

candidates as (
    select
        channel_days.contract_id,
        channel_days.nmi,
        channel_days.nmi_suffix,
        channel_days.market_date,
        channel_days.jurisdiction,
        channel_days.plan_id,
        channel_days.section,
        channel_days.is_conflicting,
        {{ text_hash(concat_text([
            "channel_days.content_hash", "'|'", text_of("channel_days.is_conflicting", 1), "'|'",
            "channel_days.section", "'|'", "channel_days.jurisdiction", "'|'", "channel_days.plan_id", "'|'",
            "plan_days.versions_text",
        ])) }} as basis_hash
    from {{ ref('int_channel_days__assign') }} as channel_days
    left join plan_days
        on channel_days.plan_id = plan_days.plan_id and channel_days.market_date = plan_days.market_date
    where channel_days.section is not null
)
{%- if stored %},

stored as (
    select
        contract_id,
        nmi,
        nmi_suffix,
        market_date,
        min(basis_hash) as basis_hash
    from {{ stored }}
    where market_date >= (select min(market_date) from {{ ref('int_channel_days__assign') }})
    group by contract_id, nmi, nmi_suffix, market_date
)
{%- endif %}

select
    candidates.contract_id,
    candidates.nmi,
    candidates.nmi_suffix,
    candidates.market_date,
    candidates.jurisdiction,
    candidates.plan_id,
    candidates.section,
    candidates.is_conflicting,
    candidates.basis_hash
from candidates
{%- if stored %}
left join stored
    on
        candidates.contract_id = stored.contract_id
        and candidates.nmi = stored.nmi
        and candidates.nmi_suffix = stored.nmi_suffix
        and candidates.market_date = stored.market_date
where stored.basis_hash is null or stored.basis_hash <> candidates.basis_hash
{%- endif %}
