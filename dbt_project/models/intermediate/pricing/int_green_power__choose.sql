-- One row per due bill, plan version in it and percentage of green power agreed for its days: the tier of the plan that it
-- falls into, the lowest whose upper percentage is not below it, or why there is none beyond doubt. Nothing percent is no
-- green power. An amount is ex GST as rates are, unless its words say otherwise; it is for all energy used, not for the
-- green part of it (real plans scale the amount with the percentage).
with wanted as (
    select
        versions.contract_id,
        versions.period_start_date,
        versions.period_end_date,
        versions.plan_id,
        versions.version_hash,
        versions.price_start_date,
        versions.price_mark,
        case when versions.day_count = 0 then 1 else versions.day_count end as priced_day_count,
        terms.value_number,
        count(distinct days.market_date) as agreed_day_count,
        count(distinct case when days.is_supply_day = 1 then days.market_date end) as supply_day_count
    from {{ ref('int_bill_versions__list') }} as versions
    inner join {{ ref('int_bill_version_days__list') }} as days
        on
            versions.contract_id = days.contract_id
            and versions.period_start_date = days.period_start_date
            and versions.period_end_date = days.period_end_date
            and versions.plan_id = days.plan_id
            and versions.version_hash = days.version_hash
    inner join {{ ref('int_bill_terms__list') }} as terms
        on
            versions.contract_id = terms.contract_id
            and versions.period_start_date = terms.period_start_date
            and versions.period_end_date = terms.period_end_date
            and terms.term = 'GREEN_POWER_PERCENT'
            and terms.refusal is null
            and terms.value_number > 0
            and days.market_date between terms.first_date and terms.last_date
    group by
        versions.contract_id, versions.period_start_date, versions.period_end_date, versions.plan_id,
        versions.version_hash, versions.price_start_date, versions.price_mark, versions.day_count, terms.value_number
),

tiers as (
    select
        wanted.contract_id,
        wanted.period_start_date,
        wanted.period_end_date,
        wanted.plan_id,
        wanted.version_hash,
        wanted.price_start_date,
        wanted.price_mark,
        wanted.priced_day_count,
        wanted.value_number,
        wanted.agreed_day_count,
        wanted.supply_day_count,
        offers.green_power_number,
        offers.tier_number,
        offers.charge_type,
        offers.percent_green,
        case when offers.charge_type like 'FIXED%' then offers.amount_aud else offers.rate end as size,
        {{ concat_text(["offers.display_name", "' '", "offers.description"]) }} as words,
        max(case when coalesce(offers.percent_green, -1) not between 0 and 1 then 1 else 0 end) over (
            partition by wanted.contract_id, wanted.period_start_date, wanted.period_end_date, wanted.plan_id,
            wanted.version_hash, wanted.value_number
        ) as has_doubtful_percent,
        row_number() over (
            partition by wanted.contract_id, wanted.period_start_date, wanted.period_end_date, wanted.plan_id,
            wanted.version_hash, wanted.value_number
            order by
                case when offers.percent_green * 100 >= wanted.value_number then 0 else 1 end, offers.percent_green,
                offers.green_power_number, offers.tier_number
        ) as place,
        count(*) over (
            partition by wanted.contract_id, wanted.period_start_date, wanted.period_end_date, wanted.plan_id,
            wanted.version_hash, wanted.value_number, offers.percent_green
        ) as rival_count
    from wanted
    left join {{ ref('stg_plans__green_power') }} as offers
        on wanted.plan_id = offers.plan_id and wanted.version_hash = offers.version_hash
)

select
    contract_id,
    period_start_date,
    period_end_date,
    plan_id,
    version_hash,
    price_start_date,
    price_mark,
    cast(priced_day_count as integer) as priced_day_count,
    cast(agreed_day_count as integer) as agreed_day_count,
    cast(supply_day_count as integer) as supply_day_count,
    value_number as agreed_percent,
    green_power_number,
    tier_number,
    charge_type,
    size,
    coalesce({{ gst_in_words('words') }}, 'EX') as gst_basis,
    case
        when green_power_number is null then 'it offers none'
        when has_doubtful_percent = 1 then 'a tier has no percentage between 0 and 1'
        when percent_green * 100 < value_number
            then {{ concat_text(["'it offers none of '", text_of('value_number', 20), "' percent'"]) }}
        when rival_count > 1 then 'two tiers are for the same percentage'
        when charge_type is null
            or charge_type not in ('FIXED_PER_DAY', 'FIXED_PER_WEEK', 'FIXED_PER_MONTH', 'FIXED_PER_UNIT', 'PERCENT_OF_USE', 'PERCENT_OF_BILL')
            then 'its type has no rule'
        when size is null then 'the tier has no number'
        when size < 0 then 'the tier is negative'
        when charge_type like 'PERCENT%' and size >= 1 then 'the rate of the tier is no fraction'
        when charge_type = 'FIXED_PER_UNIT' and size > 0.2 then 'the amount is neither dollars nor cents a kWh beyond doubt'
        when charge_type = 'FIXED_PER_DAY' and size > 20 then 'the amount is neither dollars nor cents a day beyond doubt'
        when {{ words_hold('words', ['quarter']) }} = 1 then 'what its amount is given for is in words only'
        when {{ words_limit('words') }} = 1 then 'its limits are in words only'
    end as refusal
from tiers
where place = 1
