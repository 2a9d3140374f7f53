-- One row per channel and week (Monday to Sunday, counted from 1900) in which this run changed a channel-day.
select distinct
    nmi,
    nmi_suffix,
    {{ week_number('market_date') }} as week_number
from {{ ref('int_channel_days__touched') }}
