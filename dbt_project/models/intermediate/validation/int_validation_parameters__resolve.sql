-- One row per rule, meter class, jurisdiction, run of days and parameter: the value then in force. The seed's row for the
-- meter class goes before the one for the jurisdiction, and either before `*`. The days of a rule are cut wherever any
-- of its parameters changes, so that all of them stand on the same runs. UNKNOWN is what the retailer database
-- does not know; only `*` fits it.
with parameters as (
    select
        rule_code,
        parameter,
        meter_class,
        jurisdiction,
        parameter_value,
        valid_from,
        coalesce(valid_to, {{ date_literal('9999-12-31') }}) as valid_to
    from {{ ref('validation_parameters') }}
),

classes as (
    select
        coalesce(meter_type, 'UNKNOWN') as meter_class,
        coalesce(jurisdiction, 'UNKNOWN') as jurisdiction
    from {{ ref('stg_retailer__service_points') }}
    union
    select
        'UNKNOWN' as meter_class,
        'UNKNOWN' as jurisdiction
),

edges as (
    select
        rule_code,
        valid_from as first_date
    from parameters
    union
    select
        rule_code,
        {{ add_days('valid_to', 1) }} as first_date
    from parameters
    where valid_to < {{ date_literal('9999-12-31') }}
),

runs as (
    select
        rule_code,
        first_date,
        coalesce(
            {{ add_days('lead(first_date) over (partition by rule_code order by first_date)', -1) }},
            {{ date_literal('9999-12-31') }}
        ) as last_date
    from edges
),

fitting as (
    select
        runs.rule_code,
        classes.meter_class,
        classes.jurisdiction,
        runs.first_date,
        runs.last_date,
        parameters.parameter,
        parameters.parameter_value,
        row_number() over (
            partition by runs.rule_code, runs.first_date, classes.meter_class, classes.jurisdiction, parameters.parameter
            order by
                case when parameters.meter_class = '*' then 1 else 0 end,
                case when parameters.jurisdiction = '*' then 1 else 0 end,
                parameters.valid_from desc
        ) as choice
    from runs
    inner join parameters
        on
            runs.rule_code = parameters.rule_code
            and runs.first_date >= parameters.valid_from
            and runs.last_date <= parameters.valid_to
    inner join classes
        on
            parameters.meter_class in ('*', classes.meter_class)
            and parameters.jurisdiction in ('*', classes.jurisdiction)
)

select
    rule_code,
    meter_class,
    jurisdiction,
    first_date,
    last_date,
    parameter,
    parameter_value
from fitting
where choice = 1
