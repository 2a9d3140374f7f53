-- One row per step of a rate of a plan version, priced in dollars ex GST (feed-in: as paid), with the band it bills as
-- and where the step lies in the volume. Rates of one band in one tariff are told apart by their number in the band.
with rates as (
    select distinct
        plan_id,
        version_hash,
        section,
        parent_number,
        rate_number,
        case when rate_block = 'SINGLE_RATE' then 'ALL' else coalesce(rate_type, 'ALL') end as time_band
    from {{ ref('stg_plans__rates') }}
),

labelled as (
    select
        plan_id,
        version_hash,
        section,
        parent_number,
        rate_number,
        time_band,
        row_number() over (
            partition by plan_id, version_hash, section, parent_number, time_band order by rate_number
        ) as number_in_band
    from rates
),

policies as (
    select
        versions.plan_id,
        versions.version_hash,
        policies.daily_steps,
        row_number() over (
            partition by versions.plan_id, versions.version_hash
            order by case policies.scope when 'PLAN' then 1 when 'BRAND' then 2 else 3 end
        ) as place
    from {{ ref('stg_plans__versions') }} as versions
    inner join {{ ref('step_policies') }} as policies
        on
            policies.scope = 'DEFAULT'
            or (policies.scope = 'BRAND' and policies.scope_name = versions.brand)
            or (policies.scope = 'PLAN' and policies.scope_name = versions.plan_id)
)

select
    steps.plan_id,
    steps.version_hash,
    steps.section,
    steps.parent_number,
    steps.rate_block,
    steps.rate_number,
    labelled.time_band,
    case
        when labelled.number_in_band = 1 then labelled.time_band
        else {{ concat_text(["labelled.time_band", "'.'", text_of('labelled.number_in_band', 4)]) }}
    end as band_label,
    steps.period,
    steps.period_count,
    steps.period_unit,
    case when steps.period_count = 1 and steps.period_unit = 'D' and policies.daily_steps = 'ANEW' then 1 else 0 end as is_daily,
    row_number() over (
        partition by steps.plan_id, steps.version_hash, steps.section, steps.parent_number, steps.rate_number
        order by steps.step_number
    ) as block_number,
    case
        when
            lead(steps.step_number) over (
                partition by steps.plan_id, steps.version_hash, steps.section, steps.parent_number, steps.rate_number
                order by steps.step_number
            ) is null
            then 1
        else 0
    end as is_last_step,
    steps.volume as step_volume,
    -- The volume of the steps before this one.
    cast(
        coalesce(sum(steps.volume) over (
            partition by steps.plan_id, steps.version_hash, steps.section, steps.parent_number, steps.rate_number
            order by steps.step_number
            rows between unbounded preceding and 1 preceding
        ), 0) as decimal(18, 6)
    ) as volume_before,
    {{ in_dollars('steps.unit_price_as_served', 'units.price_unit') }} as unit_price_ex_gst_aud
from {{ ref('stg_plans__rates') }} as steps
inner join labelled
    on
        steps.plan_id = labelled.plan_id
        and steps.version_hash = labelled.version_hash
        and steps.section = labelled.section
        and steps.parent_number = labelled.parent_number
        and steps.rate_number = labelled.rate_number
inner join {{ ref('int_plan_price_units__decide') }} as units
    on steps.plan_id = units.plan_id and steps.version_hash = units.version_hash
left join policies
    on steps.plan_id = policies.plan_id and steps.version_hash = policies.version_hash and policies.place = 1
