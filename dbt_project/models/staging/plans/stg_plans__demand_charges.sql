-- One row per demand charge of a tariff period. An absent unit is KW, an absent list of days is every day.
select
    {{ clean_text('plan_id') }} as plan_id,
    {{ clean_text('version_hash') }} as version_hash,
    tariff_period_number,
    demand_number,
    {{ clean_text('display_name') }} as display_name,
    {{ clean_text('description') }} as description,
    {{ clean_text('amount') }} as amount_text,
    {{ safe_decimal('amount', 20, 10) }} as amount_as_served,
    coalesce(upper({{ clean_text('measure_unit') }}), 'KW') as measure_unit,
    {{ clean_text('days') }} as days_text,
    {% for day in ['MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT', 'SUN', 'BUSINESS_DAYS', 'PUBLIC_HOLIDAYS'] -%}
        case when {{ clean_text('days') }} is null then {{ 0 if day == 'BUSINESS_DAYS' else 1 }} else {{ days_name('days', day) }} end as is_{{ day | lower }},
    {% endfor -%}
    {{ clean_text('start_time') }} as start_text,
    {{ clean_text('end_time') }} as end_text,
    {{ minute_of_day('start_time') }} as start_minute,
    {{ window_end_minute('end_time') }} as end_minute,
    {{ clean_text('min_demand') }} as min_demand_text,
    {{ safe_decimal('min_demand', 18, 6) }} as min_demand_kw,
    {{ clean_text('max_demand') }} as max_demand_text,
    {{ safe_decimal('max_demand', 18, 6) }} as max_demand_kw,
    upper({{ clean_text('measurement_period') }}) as measurement_period,
    upper({{ clean_text('charge_period') }}) as charge_period
from {{ source('plans', 'plan_demand_charges') }}
