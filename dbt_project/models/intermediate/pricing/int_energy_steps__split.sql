-- One row per due bill, rate and step: the energy that the step prices. P1D starts anew each day of the plan's clock;
-- every other period pools over the days of the price in the bill.
with steps as (
    select
        plan_id,
        version_hash,
        section,
        parent_number,
        rate_number,
        time_band,
        band_label,
        block_number,
        is_last_step,
        volume_before,
        step_volume,
        period_count,
        period_unit,
        unit_price_ex_gst_aud,
        case when is_daily = 1 and (is_last_step = 0 or block_number > 1 or step_volume is not null) then 1 else 0 end as is_daily
    from {{ ref('int_rate_steps__price') }}
),

daily as (
    select
        energy.contract_id,
        energy.period_start_date,
        energy.period_end_date,
        energy.plan_id,
        energy.version_hash,
        energy.section,
        energy.parent_number,
        energy.rate_number,
        steps.block_number,
        cast(sum({{ step_quantity(
            'energy.energy_kwh', 'steps.volume_before', '(steps.volume_before + steps.step_volume)', 'steps.block_number'
        ) }}) as {{ kwh_type() }}) as quantity_kwh
    from {{ ref('int_bill_energy__by_rate') }} as energy
    inner join steps
        on
            energy.plan_id = steps.plan_id
            and energy.version_hash = steps.version_hash
            and energy.section = steps.section
            and energy.parent_number = steps.parent_number
            and energy.rate_number = steps.rate_number
    where steps.is_daily = 1
    group by
        energy.contract_id, energy.period_start_date, energy.period_end_date, energy.plan_id, energy.version_hash,
        energy.section, energy.parent_number, energy.rate_number, steps.block_number
),

bill_energy as (
    select
        energy.contract_id,
        energy.period_start_date,
        energy.period_end_date,
        energy.plan_id,
        energy.version_hash,
        energy.section,
        energy.parent_number,
        energy.rate_number,
        cast(sum(energy.energy_kwh) as {{ kwh_type() }}) as energy_kwh
    from {{ ref('int_bill_energy__by_rate') }} as energy
    where energy.rate_number is not null
    group by
        energy.contract_id, energy.period_start_date, energy.period_end_date, energy.plan_id, energy.version_hash,
        energy.section, energy.parent_number, energy.rate_number
),

pooled_volumes as (
    select
        bill_energy.contract_id,
        bill_energy.period_start_date,
        bill_energy.period_end_date,
        bill_energy.plan_id,
        bill_energy.version_hash,
        bill_energy.section,
        bill_energy.parent_number,
        bill_energy.rate_number,
        bill_energy.energy_kwh,
        steps.block_number,
        {{ pooled_volume('steps.volume_before', 'segments.day_count', 'steps.period_count', 'steps.period_unit') }}
            as lower_kwh,
        {{ pooled_volume('(steps.volume_before + steps.step_volume)', 'segments.day_count', 'steps.period_count', 'steps.period_unit') }}
            as upper_kwh
    from bill_energy
    inner join steps
        on
            bill_energy.plan_id = steps.plan_id
            and bill_energy.version_hash = steps.version_hash
            and bill_energy.section = steps.section
            and bill_energy.parent_number = steps.parent_number
            and bill_energy.rate_number = steps.rate_number
    inner join {{ ref('int_bill_tariffs__segment') }} as segments
        on
            bill_energy.contract_id = segments.contract_id
            and bill_energy.period_start_date = segments.period_start_date
            and bill_energy.period_end_date = segments.period_end_date
            and bill_energy.plan_id = segments.plan_id
            and bill_energy.version_hash = segments.version_hash
            and bill_energy.section = segments.section
            and bill_energy.parent_number = segments.parent_number
    where steps.is_daily = 0
),

quantities as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        plan_id,
        version_hash,
        section,
        parent_number,
        rate_number,
        block_number,
        quantity_kwh
    from daily
    union all
    select
        contract_id,
        period_start_date,
        period_end_date,
        plan_id,
        version_hash,
        section,
        parent_number,
        rate_number,
        block_number,
        cast({{ step_quantity('energy_kwh', 'lower_kwh', 'upper_kwh', 'block_number') }} as {{ kwh_type() }}) as quantity_kwh
    from pooled_volumes
)

select
    quantities.contract_id,
    quantities.period_start_date,
    quantities.period_end_date,
    quantities.plan_id,
    quantities.version_hash,
    quantities.section,
    quantities.parent_number,
    quantities.rate_number,
    quantities.block_number,
    segments.price_start_date,
    segments.price_mark,
    steps.time_band,
    steps.band_label,
    quantities.quantity_kwh,
    steps.unit_price_ex_gst_aud
from quantities
inner join steps
    on
        quantities.plan_id = steps.plan_id
        and quantities.version_hash = steps.version_hash
        and quantities.section = steps.section
        and quantities.parent_number = steps.parent_number
        and quantities.rate_number = steps.rate_number
        and quantities.block_number = steps.block_number
inner join {{ ref('int_bill_tariffs__segment') }} as segments
    on
        quantities.contract_id = segments.contract_id
        and quantities.period_start_date = segments.period_start_date
        and quantities.period_end_date = segments.period_end_date
        and quantities.plan_id = segments.plan_id
        and quantities.version_hash = segments.version_hash
        and quantities.section = segments.section
        and quantities.parent_number = segments.parent_number
-- A step that nothing fell into is no line, except the first.
where quantities.block_number = 1 or quantities.quantity_kwh <> 0
