-- One row per contract and market day on a plan with demand charges whose greatest demand has to be found (again): the reads,
-- the plan or its versions around the day are not those of the stored rows.
{%- set stored = left_by_earlier_run('intermediate', 'int_daily_demand__by_charge') %}
with plans as (
    select distinct plan_id
    from {{ ref('int_demand_charges__price') }}
),

channel_days as (
    select
        basis.contract_id,
        basis.market_date,
        basis.nmi_suffix,
        basis.basis_hash
    from {{ ref('int_channel_days__basis') }} as basis
    inner join plans
        on basis.plan_id = plans.plan_id
    where basis.section = 'TARIFF_PERIOD'
),

site_days as (
    select
        contract_id,
        market_date,
        count(*) as channel_count,
        min(basis_hash) as first_basis_hash,
        max(basis_hash) as last_basis_hash
    from channel_days
    group by contract_id, market_date
),

-- Joining texts in order is slow on millions of groups, and few sites have more than two channels of general usage.
hash_texts as (
    select
        contract_id,
        market_date,
        {{ concat_text(["first_basis_hash", "','", "last_basis_hash"]) }} as hashes_text
    from site_days
    where channel_count <= 2
    union all
    select
        channel_days.contract_id,
        channel_days.market_date,
        {{ join_text('channel_days.basis_hash', ',', 'channel_days.nmi_suffix') }} as hashes_text
    from channel_days
    inner join site_days
        on channel_days.contract_id = site_days.contract_id and channel_days.market_date = site_days.market_date
    where site_days.channel_count > 2
    group by channel_days.contract_id, channel_days.market_date
),

candidates as (
    select
        contract_id,
        market_date,
        {{ text_hash('hashes_text') }} as basis_hash
    from hash_texts
)
{%- if stored %},

stored as (
    select
        contract_id,
        market_date,
        min(basis_hash) as basis_hash
    from (
        {{ picked_rows(
            stored, 'candidates', ['contract_id', 'market_date'], ['contract_id', 'market_date', 'basis_hash']
        ) }}
    ) as stored_rows
    group by contract_id, market_date
)
{%- endif %}

select
    candidates.contract_id,
    candidates.market_date,
    candidates.basis_hash
from candidates
{%- if stored %}
left join stored
    on candidates.contract_id = stored.contract_id and candidates.market_date = stored.market_date
where stored.basis_hash is null or stored.basis_hash <> candidates.basis_hash
{%- endif %}
