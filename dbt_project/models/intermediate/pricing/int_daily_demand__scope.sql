-- One row per contract and market day on a plan with demand charges whose greatest demand has to be found (again): the reads,
-- the plan or its versions around the day are not those of the stored rows.
{%- set stored = left_by_earlier_run('intermediate', 'int_daily_demand__by_charge') %}
with plans as (
    select distinct plan_id
    from {{ ref('int_demand_charges__price') }}
),

channel_days as (
    select distinct
        energy.contract_id,
        energy.market_date,
        energy.nmi,
        energy.nmi_suffix,
        energy.plan_id,
        energy.basis_hash
    from {{ ref('int_daily_energy__by_rate') }} as energy
    inner join plans
        on energy.plan_id = plans.plan_id
    inner join {{ ref('int_channel_days__assign') }} as assigned
        on
            energy.contract_id = assigned.contract_id
            and energy.nmi = assigned.nmi
            and energy.nmi_suffix = assigned.nmi_suffix
            and energy.market_date = assigned.market_date
    where energy.section = 'TARIFF_PERIOD'
),

candidates as (
    select
        contract_id,
        market_date,
        {{ text_hash(join_text('basis_hash', ',', 'nmi_suffix')) }} as basis_hash
    from channel_days
    group by contract_id, market_date
)
{%- if stored %},

stored as (
    select
        contract_id,
        market_date,
        min(basis_hash) as basis_hash
    from {{ stored }}
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
