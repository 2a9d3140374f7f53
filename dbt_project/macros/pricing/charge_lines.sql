{# From charges to lines: which charges a bill has, in which order they are worked out, and how each becomes a line. #}

{# The charge models of a step; a new charge is named here and nowhere else. The order has a reason:
   CHARGES are quantity x price and need no other line. SHARES are a part of the charges, or are bought on top of them:
   discounts (which GreenPower does not lower) and GreenPower (which nobody discounts). CONCESSIONS are a part of what then
   is to pay: the states pay them on the bill after the retailer's discounts and the solar credits. GST comes with each line,
   except that a concession given after GST also counts the GST of all lines before it. #}
{% macro charges_of(step) -%}
    {%- set charges = {
        'CHARGES': [
            'int_charges__supply',
            'int_charges__usage',
            'int_charges__controlled_load',
            'int_charges__feed_in',
            'int_charges__demand',
            'int_charges__fees',
        ],
        'SHARES': [
            'int_charges__discounts',
            'int_charges__green_power',
        ],
        'CONCESSIONS': ['int_charges__concessions'],
    } -%}
    {{ return(charges[step]) }}
{%- endmacro %}

{# A query of all charges of a step, each with the model that made it. #}
{% macro union_of_charges(step) -%}
    {%- for charge in charges_of(step) %}
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
        cast('{{ charge }}' as {{ text_type(60) }}) as rule_model
    from {{ ref(charge) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{%- endmacro %}

{# A query of the lines of the charges of a step, for the due bills that can be priced: quantity x price to the cent (half up),
   credits negative, and the GST of each line, exact or to the cent. The bill's rounding policy may round its kWh first.
   Feed-in carries GST only for a customer registered for it. #}
{% macro priced_lines(charges) -%}
    {%- set quantity -%}
        case
            {%- for places in range(5) %}
            when charges.unit = 'KWH' and rounding.quantity_places = {{ places }}
                then cast({{ rounded('charges.quantity', 18, places) }} as {{ kwh_type() }})
            {%- endfor %}
            else cast(charges.quantity as {{ kwh_type() }})
        end
    {%- endset -%}
    {%- set amount -%}
        {{ line_amount(quantity, 'charges.unit_price_ex_gst_aud') }} * case when charges.is_credit = 1 then -1 else 1 end
    {%- endset -%}
    {%- set has_gst -%}
        case charges.gst_treatment when 'TAXED' then 1 when 'REGISTERED' then due.is_gst_registered else 0 end
    {%- endset -%}
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
        cast(charges.block_number as integer) as block_number,
        {{ quantity }} as quantity,
        charges.unit,
        charges.unit_price_ex_gst_aud,
        cast({{ amount }} as {{ line_amount_type() }}) as amount_ex_gst_aud,
        case
            when rounding.gst_on = 'LINE' then cast({{ to_the_cent(gst_of(amount ~ ' * ' ~ has_gst)) }} as {{ line_gst_type() }})
            else {{ gst_of(amount ~ ' * ' ~ has_gst) }}
        end as gst_aud,
        charges.rule_model
    from {{ charges }} as charges
    inner join {{ ref('int_bill_periods__due') }} as due
        on
            charges.contract_id = due.contract_id
            and charges.period_start_date = due.period_start_date
            and charges.period_end_date = due.period_end_date
    left join {{ ref('int_bill_rounding__choose') }} as rounding
        on
            charges.contract_id = rounding.contract_id
            and charges.period_start_date = rounding.period_start_date
            and charges.period_end_date = rounding.period_end_date
    left join {{ ref('int_bill_problems__summarise') }} as problems
        on
            charges.contract_id = problems.contract_id
            and charges.period_start_date = problems.period_start_date
            and charges.period_end_date = problems.period_end_date
    where problems.contract_id is null
{%- endmacro %}
