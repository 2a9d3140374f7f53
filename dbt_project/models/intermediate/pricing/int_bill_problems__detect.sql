-- One row per reason why a due bill cannot be priced, with the exception it raises (null: another rule raises it).
-- problem_rank orders them: what has to be put right first, first.
with bills as (
    select
        due.contract_id,
        due.period_start_date,
        due.period_end_date,
        due.nmi,
        due.jurisdiction,
        due.day_count,
        count(days.market_date) as known_day_count,
        count(days.plan_id) as planned_day_count,
        min(case when days.plan_id is null then days.market_date end) as first_unplanned_date,
        coalesce(max(days.is_plan_ambiguous), 0) as is_plan_ambiguous
    from {{ ref('int_bill_periods__due') }} as due
    left join {{ ref('int_contract_days') }} as days
        on
            due.contract_id = days.contract_id
            and due.period_start_date = days.period_start_date
            and due.period_end_date = days.period_end_date
    group by
        due.contract_id, due.period_start_date, due.period_end_date, due.nmi, due.jurisdiction, due.day_count
),

calendar_jurisdictions as (
    select distinct jurisdiction
    from {{ ref('stg_operations__market_calendar') }}
),

contract_problems as (
    select
        bills.contract_id,
        bills.period_start_date,
        bills.period_end_date,
        cast(null as {{ text_type(100) }}) as plan_id,
        1 as problem_rank,
        case when bills.nmi is not null then 'PLAN_NOT_PRICEABLE' end as rule_code,
        'CONTRACT' as construct,
        case
            when bills.nmi is null then 'the contract of the order is not known'
            when bills.jurisdiction is null then {{ concat_text(["'the service point '", "bills.nmi", "' is not known'"]) }}
            else {{ concat_text(["'the jurisdiction '", "bills.jurisdiction", "' of the service point has no calendar'"]) }}
        end as reason
    from bills
    left join calendar_jurisdictions
        on bills.jurisdiction = calendar_jurisdictions.jurisdiction
    where calendar_jurisdictions.jurisdiction is null
    union all
    select
        contract_id,
        period_start_date,
        period_end_date,
        cast(null as {{ text_type(100) }}) as plan_id,
        2 as problem_rank,
        'PLAN_NOT_PRICEABLE' as rule_code,
        'CALENDAR' as construct,
        'the market calendar does not hold all days of the period' as reason
    from bills
    where known_day_count <> day_count
    union all
    select
        contract_id,
        period_start_date,
        period_end_date,
        cast(null as {{ text_type(100) }}) as plan_id,
        3 as problem_rank,
        'PLAN_UNKNOWN' as rule_code,
        'CONTRACT_PLAN' as construct,
        {{ concat_text(["'no plan holds for the contract on '", text_of('first_unplanned_date', 10)]) }} as reason
    from bills
    where first_unplanned_date is not null
    union all
    select
        contract_id,
        period_start_date,
        period_end_date,
        cast(null as {{ text_type(100) }}) as plan_id,
        3 as problem_rank,
        'PLAN_UNKNOWN' as rule_code,
        'CONTRACT_PLAN' as construct,
        'two plans start for the contract on one day' as reason
    from bills
    where is_plan_ambiguous = 1
),

unknown_plans as (
    select distinct
        days.contract_id,
        days.period_start_date,
        days.period_end_date,
        days.plan_id,
        4 as problem_rank,
        'PLAN_UNKNOWN' as rule_code,
        'PLAN_UNKNOWN' as construct,
        {{ concat_text(["'plan '", "days.plan_id", "' is not in the tariff catalogue'"]) }} as reason
    from {{ ref('int_contract_days') }} as days
    where
        days.plan_id is not null
        and not exists (
            select 1
            from {{ ref('int_plan_versions__in_force') }} as versions
            where versions.plan_id = days.plan_id
        )
),

plan_problems as (
    select distinct
        tariffs.contract_id,
        tariffs.period_start_date,
        tariffs.period_end_date,
        tariffs.plan_id,
        5 as problem_rank,
        problems.rule_code,
        problems.construct,
        {{ concat_text([
            "'plan '", "tariffs.plan_id", "', '", "case when names.label is null then '' else "
            ~ concat_text(["names.label", "', '"]) ~ " end", "problems.construct", "': '", "problems.reason",
        ]) }} as reason
    from {{ ref('int_bill_prices__segment') }} as tariffs
    inner join {{ ref('int_plans__not_priceable') }} as problems
        on
            tariffs.plan_id = problems.plan_id
            and tariffs.version_hash = problems.version_hash
            and (
                problems.section = 'PLAN'
                or (problems.section = 'TARIFF_PERIOD' and problems.parent_number = tariffs.tariff_period_number)
            )
            -- A price that only touches the bill's first or last hours charges no demand.
            and (problems.construct <> 'demandCharges' or tariffs.day_count > 0)
    left join {{ ref('int_tariffs__list') }} as names
        on
            problems.plan_id = names.plan_id
            and problems.version_hash = names.version_hash
            and problems.section = names.section
            and problems.parent_number = names.parent_number
    union
    select distinct
        tariffs.contract_id,
        tariffs.period_start_date,
        tariffs.period_end_date,
        tariffs.plan_id,
        5 as problem_rank,
        problems.rule_code,
        problems.construct,
        {{ concat_text([
            "'plan '", "tariffs.plan_id", "', '", "names.label", "', '", "problems.construct", "': '", "problems.reason",
        ]) }} as reason
    from {{ ref('int_bill_tariffs__segment') }} as tariffs
    inner join {{ ref('int_bill_channels__list') }} as channels
        on
            tariffs.contract_id = channels.contract_id
            and tariffs.period_start_date = channels.period_start_date
            and tariffs.period_end_date = channels.period_end_date
            and tariffs.section = channels.section
    inner join {{ ref('int_plans__not_priceable') }} as problems
        on
            tariffs.plan_id = problems.plan_id
            and tariffs.version_hash = problems.version_hash
            and tariffs.section = problems.section
            and tariffs.parent_number = problems.parent_number
    inner join {{ ref('int_tariffs__list') }} as names
        on
            tariffs.plan_id = names.plan_id
            and tariffs.version_hash = names.version_hash
            and tariffs.section = names.section
            and tariffs.parent_number = names.parent_number
    where tariffs.section in ('CONTROLLED_LOAD', 'FEED_IN')
),

season_problems as (
    select distinct
        days.contract_id,
        days.period_start_date,
        days.period_end_date,
        days.plan_id,
        6 as problem_rank,
        'PLAN_NOT_PRICEABLE' as rule_code,
        'tariffPeriod' as construct,
        {{ concat_text([
            "'plan '", "days.plan_id", "': '",
            "case when by_date.tariff_period_count = 0 then 'no tariff period holds on ' else 'several tariff periods hold on ' end",
            text_of('by_date.local_date', 10),
        ]) }} as reason
    from {{ ref('int_contract_days') }} as days
    inner join {{ ref('int_tariff_periods__by_date') }} as by_date
        on days.plan_id = by_date.plan_id and days.market_date = by_date.local_date
    where by_date.tariff_period_count <> 1
),

window_problems as (
    select
        days.contract_id,
        days.period_start_date,
        days.period_end_date,
        days.plan_id,
        7 as problem_rank,
        'PLAN_NOT_PRICEABLE' as rule_code,
        'timeOfUse' as construct,
        {{ concat_text([
            "'plan '", "days.plan_id", "', tariff period '", text_of('gaps.tariff_period_number', 4), "': '",
            "case when gaps.claim_count = 0 then 'no rate covers ' else 'several rates claim ' end",
            minute_text('gaps.local_start_minute'), "' on '", text_of('gaps.local_date', 10),
        ]) }} as reason
    from {{ ref('int_contract_days') }} as days
    inner join {{ ref('int_tariff_gaps__by_date') }} as gaps
        on
            days.plan_id = gaps.plan_id
            and days.jurisdiction = gaps.jurisdiction
            and days.market_date = gaps.market_date
),

energy_problems as (
    select
        energy.contract_id,
        energy.period_start_date,
        energy.period_end_date,
        energy.plan_id,
        9 as problem_rank,
        'PLAN_NOT_PRICEABLE' as rule_code,
        energy.section as construct,
        {{ concat_text([
            "'plan '", "energy.plan_id", "': no rate for energy of '", text_of('min(energy.local_date)', 10),
            "case when energy.section = 'CONTROLLED_LOAD' then ' (controlled load)' else '' end",
        ]) }} as reason
    from {{ ref('int_bill_energy__by_rate') }} as energy
    where
        energy.rate_number is null
        and energy.section in ('TARIFF_PERIOD', 'CONTROLLED_LOAD')
        and energy.energy_kwh <> 0
        and energy.plan_id is not null
    group by
        energy.contract_id, energy.period_start_date, energy.period_end_date, energy.plan_id, energy.section
),

backward_problems as (
    select
        days.contract_id,
        days.period_start_date,
        days.period_end_date,
        min(days.plan_id) as plan_id,
        9 as problem_rank,
        'PLAN_NOT_PRICEABLE' as rule_code,
        'READING' as construct,
        {{ concat_text(["'a register of the basic meter shows less than at the read before (suffix '", "min(spread.nmi_suffix)", "')'"]) }}
            as reason
    from {{ ref('int_contract_days') }} as days
    inner join {{ ref('int_accumulation_days__spread') }} as spread
        on days.nmi = spread.nmi and days.market_date = spread.market_date
    where spread.energy_kwh < 0
    group by days.contract_id, days.period_start_date, days.period_end_date
),

step_energy as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        plan_id,
        section,
        cast(sum(quantity_kwh) as {{ kwh_type() }}) as priced_kwh
    from {{ ref('int_energy_steps__split') }}
    where section in ('TARIFF_PERIOD', 'CONTROLLED_LOAD')
    group by contract_id, period_start_date, period_end_date, plan_id, section
),

rate_energy as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        plan_id,
        section,
        cast(sum(energy_kwh) as {{ kwh_type() }}) as energy_kwh
    from {{ ref('int_bill_energy__by_rate') }}
    where section in ('TARIFF_PERIOD', 'CONTROLLED_LOAD') and rate_number is not null
    group by contract_id, period_start_date, period_end_date, plan_id, section
),

step_problems as (
    select
        rate_energy.contract_id,
        rate_energy.period_start_date,
        rate_energy.period_end_date,
        rate_energy.plan_id,
        10 as problem_rank,
        'PLAN_NOT_PRICEABLE' as rule_code,
        'rates' as construct,
        {{ concat_text(["'plan '", "rate_energy.plan_id", "': energy beyond the last step of a rate has no price'"]) }} as reason
    from rate_energy
    left join step_energy
        on
            rate_energy.contract_id = step_energy.contract_id
            and rate_energy.period_start_date = step_energy.period_start_date
            and rate_energy.period_end_date = step_energy.period_end_date
            and rate_energy.plan_id = step_energy.plan_id
            and rate_energy.section = step_energy.section
    where coalesce(step_energy.priced_kwh, 0) <> rate_energy.energy_kwh
),

found as (
    {% for problems in [
        'contract_problems', 'unknown_plans', 'plan_problems', 'season_problems', 'window_problems', 'energy_problems',
        'backward_problems', 'step_problems',
    ] -%}
    select
        contract_id,
        period_start_date,
        period_end_date,
        plan_id,
        problem_rank,
        rule_code,
        construct,
        reason
    from {{ problems }}
    {% if not loop.last -%}
    union all
    {% endif -%}
    {%- endfor %}
    union all
    select
        contract_id,
        period_start_date,
        period_end_date,
        plan_id,
        problem_rank,
        rule_code,
        construct,
        reason
    from {{ ref('int_charge_problems__detect') }}
),

ranked as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        plan_id,
        problem_rank,
        rule_code,
        construct,
        reason,
        min(problem_rank) over (partition by contract_id, period_start_date, period_end_date) as first_rank
    from found
)

select
    contract_id,
    period_start_date,
    period_end_date,
    plan_id,
    problem_rank,
    rule_code,
    construct,
    reason
from ranked
-- What follows from an earlier problem (no rate, because the plan is unknown or its windows are broken) is not told again;
-- which controlled load or feed-in applies is a question of its own, once there is a plan.
where problem_rank = first_rank or (problem_rank = 8 and first_rank >= 5)
