-- Half hours above what the connection can carry, and basic meters' reads of more than it carries all day and night. A
-- service point of unknown capability passes.
with found as (
    select
        days.nmi,
        days.nmi_suffix,
        days.market_date,
        days.max_demand_kw,
        days.connection_capability_kw,
        days.billing_day
    from {{ ref('int_channel_days__judge') }} as days
    {{ judged_by('READ_IMPOSSIBLE', ['DEMAND_FACTOR']) }}
    where
        days.connection_capability_kw > 0
        and days.max_demand_kw > days.connection_capability_kw * parameters.demand_factor
),

runs as (
    {{ runs_of_days('found', ['nmi', 'nmi_suffix'], {
        'max_demand_kw': 'max(max_demand_kw)',
        'connection_capability_kw': 'max(connection_capability_kw)',
        'billing_day': 'max(billing_day)',
    }) }}
),

records as (
    select
        records.nmi,
        records.nmi_suffix,
        records.first_market_date,
        records.last_market_date,
        records.energy_kwh,
        records.connection_capability_kw,
        records.billing_day
    from {{ ref('int_accumulation_records__judge') }} as records
    {{ judged_by('READ_IMPOSSIBLE', ['DEMAND_FACTOR'], 'records', 'last_market_date') }}
    where
        records.connection_capability_kw > 0
        and abs(records.energy_kwh)
        > records.connection_capability_kw * parameters.demand_factor * 24
        * case
            when records.last_market_date > records.first_market_date
                then {{ days_between('records.first_market_date', 'records.last_market_date') }} + 1
            else 1
        end
)

select
    {{- channel_problem_columns('READ_IMPOSSIBLE', concat_text([
        "'channel '", "nmi_suffix", "' '", days_in_words(), "': up to '", three_decimals('max_demand_kw'),
        "' kW in a half hour, the connection carries '", three_decimals('connection_capability_kw'), "' kW'",
    ])) }}
from runs

union all
select
    {{- channel_problem_columns('READ_IMPOSSIBLE', concat_text([
        "'register '", "nmi_suffix", "' read on '", text_of('last_market_date', 10), "': '",
        three_decimals('energy_kwh'), "' kWh since '", text_of('first_market_date', 10),
        "', the connection carries '", three_decimals('connection_capability_kw'), "' kW'",
    ])) }}
from records
