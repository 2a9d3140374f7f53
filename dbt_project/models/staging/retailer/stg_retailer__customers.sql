-- One row per customer. The e-mail address stays in raw: no model needs it.
select
    {{ clean_text('customer_id') }} as customer_id,
    {{ clean_text('customer_name') }} as customer_name,
    upper({{ clean_text('customer_type') }}) as customer_type,
    {{ text_flag('is_gst_registered') }} as is_gst_registered,
    {{ iso_instant_to_utc('updated_at') }} as updated_at
from {{ source('retailer', 'retailer_customers') }}
