-- One row per due bill, plan version in it and discount of that version: on how many of the version's days the discount is
-- granted, why it is not, and what stands in the way of pricing it. Granted is a guaranteed discount always, any other on
-- the days on which a DISCOUNT_MET term names it; both up to the discount's end date. A condition that nobody says is met
-- takes nothing off; a discount that is neither guaranteed nor conditional is refused until a term names it.
with offered as (
    select
        versions.contract_id,
        versions.period_start_date,
        versions.period_end_date,
        versions.plan_id,
        versions.version_hash,
        versions.price_start_date,
        versions.price_mark,
        versions.day_count,
        case when versions.day_count = 0 then 1 else versions.day_count end as priced_day_count,
        {{ days_between('versions.period_start_date', 'versions.period_end_date') }} + 1 as bill_day_count,
        discounts.discount_number,
        coalesce(discounts.display_name, '') as display_name,
        {{ concat_text(["coalesce(discounts.display_name, '')", "' '", "coalesce(discounts.description, '')"]) }} as words,
        coalesce(discounts.discount_type, 'OTHER') as discount_type,
        discounts.method,
        case when discounts.method = 'fixedAmount' then discounts.amount_aud else discounts.rate end as size,
        discounts.usage_amount_aud,
        discounts.end_date,
        case when discounts.end_text is not null and discounts.end_date is null then 1 else 0 end as has_unreadable_end
    from {{ ref('int_bill_versions__list') }} as versions
    inner join {{ ref('stg_plans__discounts') }} as discounts
        on versions.plan_id = discounts.plan_id and versions.version_hash = discounts.version_hash
),

days as (
    select
        offered.contract_id,
        offered.period_start_date,
        offered.period_end_date,
        offered.plan_id,
        offered.version_hash,
        offered.discount_number,
        count(distinct days.market_date) as open_day_count,
        count(distinct case when terms.contract_id is not null then days.market_date end) as met_day_count
    from offered
    inner join {{ ref('int_bill_version_days__list') }} as days
        on
            offered.contract_id = days.contract_id
            and offered.period_start_date = days.period_start_date
            and offered.period_end_date = days.period_end_date
            and offered.plan_id = days.plan_id
            and offered.version_hash = days.version_hash
            and days.market_date <= coalesce(offered.end_date, days.market_date)
    left join {{ ref('int_bill_terms__list') }} as terms
        on
            offered.contract_id = terms.contract_id
            and offered.period_start_date = terms.period_start_date
            and offered.period_end_date = terms.period_end_date
            and terms.term = 'DISCOUNT_MET'
            and offered.display_name = terms.term_value
            -- Local hours beyond the bill's first or last market day go by the terms of that day.
            and case
                when days.market_date > offered.period_end_date then offered.period_end_date
                when days.market_date < offered.period_start_date then offered.period_start_date
                else days.market_date
            end between terms.first_date and terms.last_date
    group by
        offered.contract_id, offered.period_start_date, offered.period_end_date, offered.plan_id, offered.version_hash,
        offered.discount_number
),

granted as (
    select
        offered.contract_id,
        offered.period_start_date,
        offered.period_end_date,
        offered.plan_id,
        offered.version_hash,
        offered.price_start_date,
        offered.price_mark,
        offered.day_count,
        offered.priced_day_count,
        offered.bill_day_count,
        offered.discount_number,
        offered.display_name,
        offered.words,
        offered.discount_type,
        offered.method,
        offered.size,
        offered.usage_amount_aud,
        offered.end_date,
        offered.has_unreadable_end,
        case
            when offered.end_date < offered.price_start_date then 0
            else coalesce(days.open_day_count, offered.priced_day_count)
        end as open_day_count,
        case
            when offered.end_date < offered.price_start_date then 0
            when offered.discount_type = 'GUARANTEED' then coalesce(days.open_day_count, offered.priced_day_count)
            else coalesce(days.met_day_count, 0)
        end as granted_day_count
    from offered
    left join days
        on
            offered.contract_id = days.contract_id
            and offered.period_start_date = days.period_start_date
            and offered.period_end_date = days.period_end_date
            and offered.plan_id = days.plan_id
            and offered.version_hash = days.version_hash
            and offered.discount_number = days.discount_number
)

select
    contract_id,
    period_start_date,
    period_end_date,
    plan_id,
    version_hash,
    price_start_date,
    price_mark,
    day_count,
    cast(priced_day_count as integer) as priced_day_count,
    cast(bill_day_count as integer) as bill_day_count,
    cast(granted_day_count as integer) as granted_day_count,
    discount_number,
    display_name,
    discount_type,
    method,
    size,
    usage_amount_aud,
    coalesce({{ gst_in_words('words') }}, 'INC') as gst_basis,
    case
        when size = 0 then 'it is a discount of nothing'
        when granted_day_count > 0 then null
        when end_date < price_start_date then {{ concat_text(["'it ended on '", text_of('end_date', 10)]) }}
        when discount_type = 'CONDITIONAL' then 'no DISCOUNT_MET term says that its condition is met'
    end as ignored_because,
    case
        when open_day_count = 0 or size = 0 or (discount_type = 'CONDITIONAL' and granted_day_count = 0) then null
        when granted_day_count = 0
            then {{ concat_text(["'it is of type '", "discount_type", "' and no DISCOUNT_MET term says that it is given'"]) }}
        when has_unreadable_end = 1 then 'its end date is no date'
        when method is null or method not in ('percentOfBill', 'percentOfUse', 'fixedAmount', 'percentOverThreshold')
            then 'it is in words only'
        when size is null then 'it has no number'
        when size < 0 then 'it is negative'
        when method <> 'fixedAmount' and size >= 1 then {{ concat_text(["'a rate of '", text_of('size', 20), "' is no fraction'"]) }}
        when method = 'percentOverThreshold' and coalesce(usage_amount_aud, -1) < 0 then 'its threshold is no amount'
        when method = 'percentOverThreshold' and day_count <> bill_day_count
            then 'a price changes inside the bill that its threshold is for'
        when method = 'fixedAmount' and {{ words_name_a_period('words') }} = 1
            then 'what its amount is given for is in words only'
        when {{ words_limit('words') }} = 1 then 'its limits are in words only'
    end as refusal
from granted
