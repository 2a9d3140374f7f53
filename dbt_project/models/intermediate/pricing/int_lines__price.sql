-- One row per line of a due bill that can be priced: quantity x price to the cent (half up), credits negative, and the
-- exact GST of the line. Feed-in carries GST only for a customer registered for GST.
-- A new charge is a model with these columns; it joins the bill by being named in this list.
{%- set charges = [
    'int_charges__supply',
    'int_charges__usage',
    'int_charges__controlled_load',
    'int_charges__feed_in',
    'int_charges__demand',
    'int_charges__fees',
] %}
with charges as (
    {% for charge in charges -%}
    select
        contract_id,
        period_start_date,
        period_end_date,
        charge_id,
        price_start_date,
        plan_id,
        version_hash,
        charge_type,
        time_band,
        block_number,
        quantity,
        unit,
        unit_price_ex_gst_aud,
        is_credit,
        gst_treatment,
        '{{ charge }}' as rule_model
    from {{ ref(charge) }}
    {% if not loop.last -%}
    union all
    {% endif -%}
    {%- endfor %}
),

priced as (
    select
        charges.contract_id,
        charges.period_start_date,
        charges.period_end_date,
        charges.charge_id,
        charges.price_start_date,
        due.billing_day,
        due.nmi,
        charges.plan_id,
        charges.version_hash,
        charges.charge_type,
        charges.time_band,
        charges.block_number,
        charges.quantity,
        charges.unit,
        charges.unit_price_ex_gst_aud,
        charges.rule_model,
        {{ line_amount('charges.quantity', 'charges.unit_price_ex_gst_aud') }}
        * case when charges.is_credit = 1 then -1 else 1 end as amount_ex_gst_aud,
        case
            when charges.gst_treatment = 'TAXED' then 1
            when charges.gst_treatment = 'REGISTERED' then due.is_gst_registered
            else 0
        end as has_gst
    from charges
    inner join {{ ref('int_bill_periods__due') }} as due
        on
            charges.contract_id = due.contract_id
            and charges.period_start_date = due.period_start_date
            and charges.period_end_date = due.period_end_date
    left join {{ ref('int_bill_problems__summarise') }} as problems
        on
            charges.contract_id = problems.contract_id
            and charges.period_start_date = problems.period_start_date
            and charges.period_end_date = problems.period_end_date
    where problems.contract_id is null
)

select
    contract_id,
    period_start_date,
    period_end_date,
    charge_id,
    price_start_date,
    billing_day,
    nmi,
    plan_id,
    version_hash,
    charge_type,
    time_band,
    cast(block_number as integer) as block_number,
    cast(quantity as {{ kwh_type() }}) as quantity,
    unit,
    unit_price_ex_gst_aud,
    cast(amount_ex_gst_aud as {{ line_amount_type() }}) as amount_ex_gst_aud,
    {{ gst_of('amount_ex_gst_aud * has_gst') }} as gst_aud,
    cast(rule_model as {{ text_type(60) }}) as rule_model
from priced
