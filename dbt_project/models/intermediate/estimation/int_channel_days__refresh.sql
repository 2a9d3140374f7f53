{{ config(tags=['rating']) }}
{%- set usage = left_by_earlier_run('marts', 'fct_daily_usage') %}
{%- set estimates = left_by_earlier_run('marts', 'fct_estimated_reads') %}
-- One row per channel-day whose daily usage this run states anew: touched by a delivery, estimated now, or estimated by an
-- earlier run in a bill that this run works (a released or withdrawn decision changes what is billed of it).
-- depends_on: {{ ref('int_bill_periods__due') }}
select
    nmi,
    nmi_suffix,
    market_date
from {{ ref('int_channel_days__touched') }}
union
select
    nmi,
    nmi_suffix,
    market_date
from {{ ref('int_channel_days__fill') }}
union
select
    nmi,
    nmi_suffix,
    market_date
from {{ ref('int_accumulation_gaps__estimate') }}
{%- if usage %}
union
select
    daily_usage.nmi,
    daily_usage.nmi_suffix,
    daily_usage.market_date
from {{ usage }} as daily_usage
inner join {{ ref('int_bill_periods__due') }} as due
    on
        daily_usage.nmi = due.nmi
        and daily_usage.market_date between due.period_start_date and due.period_end_date
where daily_usage.filled_kwh <> 0
{%- endif %}
{%- if estimates %}
union
select
    estimates.nmi,
    estimates.nmi_suffix,
    estimates.market_date
from {{ estimates }} as estimates
inner join {{ ref('int_bill_periods__due') }} as due
    on
        estimates.nmi = due.nmi
        and estimates.market_date between due.period_start_date and due.period_end_date
where estimates.method = 'AVERAGE_DAILY_USE'
{%- endif %}
