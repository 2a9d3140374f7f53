-- One row per reason why one kind of charge of a due bill has no price: the choice between several is open, a term cannot be
-- used, or its price changes where it must not. The other reasons, and which of them are told, are in
-- int_bill_problems__detect.
with controlled_load_problems as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        plan_id,
        8 as problem_rank,
        'PLAN_NOT_PRICEABLE' as rule_code,
        'controlledLoad' as construct,
        {{ concat_text([
            "'plan '", "plan_id",
            "case when tariff_count = 0 then ' has no controlled load, the contract has a register for it'"
            " else ' offers several controlled loads and nothing says which one holds' end",
        ]) }} as reason
    from {{ ref('int_controlled_loads__choose') }}
    where tariff_count <> 1
),

feed_in_problems as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        plan_id,
        8 as problem_rank,
        'PLAN_NOT_PRICEABLE' as rule_code,
        'solarFeedInTariff' as construct,
        {{ concat_text([
            "'plan '", "plan_id", "' offers several feed-ins and no FEED_IN term chooses one for '", text_of('min(market_date)', 10),
        ]) }} as reason
    from {{ ref('int_feed_in_days__choose') }}
    where is_undecided = 1
    group by contract_id, period_start_date, period_end_date, plan_id
),

demand_problems as (
    select
        versions.contract_id,
        versions.period_start_date,
        versions.period_end_date,
        versions.plan_id,
        8 as problem_rank,
        'PLAN_NOT_PRICEABLE' as rule_code,
        'demandCharges' as construct,
        {{ concat_text(["'plan '", "versions.plan_id", "': a price changes inside the month or period of a demand charge'"]) }} as reason
    from {{ ref('int_bill_versions__segment') }} as versions
    inner join {{ ref('int_demand_charges__price') }} as demand
        on versions.plan_id = demand.plan_id and versions.version_hash = demand.version_hash
    inner join {{ ref('int_bill_versions__segment') }} as others
        on
            versions.contract_id = others.contract_id
            and versions.period_start_date = others.period_start_date
            and versions.period_end_date = others.period_end_date
            and others.price_start_date > others.period_start_date
    where
        demand.charge_period = 'TARIFF_PERIOD'
        or (demand.charge_period = 'MONTH' and (demand.measurement_period <> 'MONTH' or day(others.price_start_date) <> 1))
    group by versions.contract_id, versions.period_start_date, versions.period_end_date, versions.plan_id
    union all
    select
        versions.contract_id,
        versions.period_start_date,
        versions.period_end_date,
        versions.plan_id,
        8 as problem_rank,
        'PLAN_NOT_PRICEABLE' as rule_code,
        'demandCharges' as construct,
        {{ concat_text(["'plan '", "versions.plan_id", "' charges demand, which a basic meter does not measure'"]) }} as reason
    from {{ ref('int_bill_versions__segment') }} as versions
    inner join {{ ref('int_demand_charges__price') }} as demand
        on versions.plan_id = demand.plan_id and versions.version_hash = demand.version_hash
    inner join {{ ref('int_accumulation_energy__by_rate') }} as basic
        on
            versions.contract_id = basic.contract_id
            and versions.period_start_date = basic.period_start_date
            and versions.period_end_date = basic.period_end_date
            and basic.section = 'TARIFF_PERIOD'
    group by versions.contract_id, versions.period_start_date, versions.period_end_date, versions.plan_id
),

-- A term that cannot be used would be left out of the bill, which then would be wrong.
term_problems as (
    select
        contract_id,
        period_start_date,
        period_end_date,
        cast(null as {{ text_type(100) }}) as plan_id,
        8 as problem_rank,
        'PLAN_NOT_PRICEABLE' as rule_code,
        term as construct,
        {{ concat_text(["'the contract term '", "term", "': '", "refusal"]) }} as reason
    from {{ ref('int_bill_terms__list') }}
    where refusal is not null
    union all
    select
        terms.contract_id,
        terms.period_start_date,
        terms.period_end_date,
        cast(null as {{ text_type(100) }}) as plan_id,
        8 as problem_rank,
        'PLAN_NOT_PRICEABLE' as rule_code,
        terms.term as construct,
        {{ concat_text(["'the contract term DISCOUNT_MET: no plan of the bill has a discount '", "terms.term_value"]) }} as reason
    from {{ ref('int_bill_terms__list') }} as terms
    where
        terms.term = 'DISCOUNT_MET'
        and terms.refusal is null
        and not exists (
            select 1
            from {{ ref('int_discounts__choose') }} as discounts
            where
                discounts.contract_id = terms.contract_id
                and discounts.period_start_date = terms.period_start_date
                and discounts.period_end_date = terms.period_end_date
                and discounts.display_name = terms.term_value
        )
),

discount_problems as (
    select distinct
        contract_id,
        period_start_date,
        period_end_date,
        plan_id,
        8 as problem_rank,
        'PLAN_NOT_PRICEABLE' as rule_code,
        'discounts' as construct,
        {{ concat_text(["'plan '", "plan_id", "', the discount '", "display_name", "': '", "refusal"]) }} as reason
    from {{ ref('int_discounts__choose') }}
    where refusal is not null
),

green_power_problems as (
    select distinct
        contract_id,
        period_start_date,
        period_end_date,
        plan_id,
        8 as problem_rank,
        'PLAN_NOT_PRICEABLE' as rule_code,
        'greenPowerCharges' as construct,
        {{ concat_text(["'plan '", "plan_id", "', the green power that is agreed: '", "refusal"]) }} as reason
    from {{ ref('int_green_power__choose') }}
    where refusal is not null
),

-- Days are counted into bands from the bill's first day: whether they start anew at another price, nothing says.
supply_band_problems as (
    select
        segments.contract_id,
        segments.period_start_date,
        segments.period_end_date,
        segments.plan_id,
        8 as problem_rank,
        'PLAN_NOT_PRICEABLE' as rule_code,
        'dailySupplyCharge' as construct,
        {{ concat_text(["'plan '", "segments.plan_id", "': a price changes inside a bill whose daily supply charge is banded'"]) }} as reason
    from {{ ref('int_bill_prices__segment') }} as segments
    inner join {{ ref('int_bill_periods__due') }} as due
        on
            segments.contract_id = due.contract_id
            and segments.period_start_date = due.period_start_date
            and segments.period_end_date = due.period_end_date
    inner join {{ ref('stg_plans__supply_bands') }} as bands
        on
            segments.plan_id = bands.plan_id
            and segments.version_hash = bands.version_hash
            and segments.tariff_period_number = bands.tariff_period_number
    where segments.day_count > 0 and segments.day_count <> due.day_count
    group by segments.contract_id, segments.period_start_date, segments.period_end_date, segments.plan_id
)

{% for problems in [
    'controlled_load_problems', 'feed_in_problems', 'demand_problems', 'term_problems', 'discount_problems',
    'green_power_problems', 'supply_band_problems',
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
