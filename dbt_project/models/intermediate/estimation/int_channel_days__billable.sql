{{ config(tags=['rating'], materialized='view') }}
-- One row per channel-day as bills are made of it: the current read, or the read with its estimates where these are billed.
{{ billable_channel_days() }}
