-- Channels of energy that are not in the NMI configuration they were delivered with, or for which a known NMI has no
-- register. An NMI without any register in the database says nothing about its channels and passes.
with configured_nmis as (
    select distinct nmi
    from {{ ref('int_registers__configured') }}
),

found as (
    select
        days.nmi,
        days.nmi_suffix,
        days.market_date,
        days.nmi_configuration,
        case when days.nmi_configuration not like concat('%', days.nmi_suffix, '%') then 1 else 0 end
            as is_outside_configuration,
        days.billing_day
    from {{ ref('int_channel_days__judge') }} as days
    left join configured_nmis
        on days.nmi = configured_nmis.nmi
    left join {{ ref('int_registers__configured') }} as registers
        on days.nmi = registers.nmi and days.nmi_suffix = registers.nmi_suffix
    where
        days.nmi_configuration not like concat('%', days.nmi_suffix, '%')
        or (configured_nmis.nmi is not null and registers.nmi is null)
),

runs as (
    {{ runs_of_days('found', ['nmi', 'nmi_suffix'], {
        'nmi_configuration': 'max(nmi_configuration)',
        'is_outside_configuration': 'max(is_outside_configuration)',
        'billing_day': 'max(billing_day)',
    }) }}
)

select
    {{- channel_problem_columns('SUFFIX_NOT_CONFIGURED', concat_text([
        "'channel '", "nmi_suffix", "' '", days_in_words(), "': '",
        "case when is_outside_configuration = 1 then 'not in the NMI configuration ' else 'no register has it; configuration ' end",
        "coalesce(nmi_configuration, 'not given')",
    ])) }}
from runs
