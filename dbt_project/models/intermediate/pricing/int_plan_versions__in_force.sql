-- One row per plan version with the days of the plan's clock on which it is in force. A version holds from the later
-- of effectiveFrom and lastUpdated, as a day of UTC+10; the first version known reaches back for ever. Of two
-- versions dated the same day the one updated (else seen) last holds.
with dated as (
    select
        plan_id,
        version_hash,
        first_seen_billing_day,
        clock,
        customer_type,
        pricing_model,
        effective_from_at,
        last_updated_at,
        case
            when effective_from_at > last_updated_at then effective_from_at
            else coalesce(last_updated_at, effective_from_at)
        end as dated_at
    from {{ ref('stg_plans__versions') }}
),

days as (
    select
        plan_id,
        version_hash,
        first_seen_billing_day,
        clock,
        customer_type,
        pricing_model,
        effective_from_at,
        last_updated_at,
        coalesce({{ market_date_of('dated_at') }}, first_seen_billing_day) as dated_from
    from dated
),

numbered as (
    select
        plan_id,
        version_hash,
        first_seen_billing_day,
        clock,
        customer_type,
        pricing_model,
        effective_from_at,
        last_updated_at,
        dated_from,
        row_number() over (
            partition by plan_id order by dated_from, last_updated_at, first_seen_billing_day, version_hash
        ) as version_number
    from days
)

select
    versions.plan_id,
    versions.version_hash,
    versions.version_number,
    versions.first_seen_billing_day,
    versions.clock,
    versions.customer_type,
    versions.pricing_model,
    versions.dated_from,
    -- The content changed, but neither of the plan's dates did: from when it holds is anybody's guess.
    case
        when
            earlier.plan_id is not null
            and coalesce(versions.effective_from_at, {{ date_literal('1900-01-01') }})
            = coalesce(earlier.effective_from_at, {{ date_literal('1900-01-01') }})
            and coalesce(versions.last_updated_at, {{ date_literal('1900-01-01') }})
            = coalesce(earlier.last_updated_at, {{ date_literal('1900-01-01') }})
            then 1
        else 0
    end as is_undated_change,
    case
        when versions.version_number = 1 then {{ date_literal('1900-01-01') }}
        else versions.dated_from
    end as first_date,
    case
        when later.dated_from is null then {{ date_literal('9999-12-31') }}
        else {{ add_days('later.dated_from', -1) }}
    end as last_date
from numbered as versions
left join numbered as earlier
    on versions.plan_id = earlier.plan_id and versions.version_number = earlier.version_number + 1
left join numbered as later
    on versions.plan_id = later.plan_id and versions.version_number = later.version_number - 1
