-- One row per tariff period of a plan version. Season ends are numbers mmdd, both included; a null season or a price
-- that is no number is for the pricing rules to refuse, not to repair.
select
    {{ clean_text('plan_id') }} as plan_id,
    {{ clean_text('version_hash') }} as version_hash,
    tariff_period_number,
    {{ clean_text('display_name') }} as display_name,
    {{ clean_text('start_date') }} as start_text,
    {{ clean_text('end_date') }} as end_text,
    {{ month_day('start_date') }} as first_month_day,
    {{ month_day('end_date') }} as last_month_day,
    upper({{ clean_text('daily_supply_charge_type') }}) as supply_type,
    {{ clean_text('daily_supply_charge') }} as supply_text,
    {{ safe_decimal('daily_supply_charge', 20, 10) }} as supply_as_served,
    upper({{ clean_text('time_zone') }}) as clock,
    {{ clean_text('rate_block_type') }} as rate_block_type
from {{ source('plans', 'plan_tariff_periods') }}
