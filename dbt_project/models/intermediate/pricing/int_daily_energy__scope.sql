-- One row per contract and channel-day whose daily energy has to be computed (again): the stored rows have another basis.
{%- set stored = left_by_earlier_run('intermediate', 'int_daily_energy__by_rate') %}
{%- if stored %}
with stored as (
    select
        contract_id,
        nmi,
        nmi_suffix,
        market_date,
        min(basis_hash) as basis_hash
    from (
        {{ picked_rows(
            stored, ref('int_channel_days__basis'), ['contract_id', 'nmi', 'nmi_suffix', 'market_date'],
            ['contract_id', 'nmi', 'nmi_suffix', 'market_date', 'basis_hash']
        ) }}
    ) as stored_rows
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
from {{ ref('int_channel_days__basis') }} as candidates
{%- if stored %}
left join stored
    on
        candidates.contract_id = stored.contract_id
        and candidates.nmi = stored.nmi
        and candidates.nmi_suffix = stored.nmi_suffix
        and candidates.market_date = stored.market_date
where stored.basis_hash is null or stored.basis_hash <> candidates.basis_hash
{%- endif %}
