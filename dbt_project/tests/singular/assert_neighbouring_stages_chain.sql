{{ config(tags=['reporting']) }}
-- Detects: two neighbouring stages of one unit where the later did not receive what the earlier accepted.
-- Matters: something was lost or counted twice between them.
-- A row: the billing day and the two stages.
select
    earlier.billing_day,
    earlier.stage as earlier_stage,
    later.stage as later_stage,
    earlier.accepted,
    later.received
from {{ ref('rpt_sync_status') }} as earlier
inner join {{ ref('rpt_sync_status') }} as later
    on
        earlier.billing_day = later.billing_day
        and earlier.unit = later.unit
        and earlier.stage_number + 1 = later.stage_number
where earlier.accepted <> later.received
