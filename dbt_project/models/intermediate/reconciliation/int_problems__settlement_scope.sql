{{ config(tags=['settlement']) }}
-- One row per rule and contract that this run looked at after the load: every bill, since every bill is compared anew. What is open
-- in the queue for them and not detected any more is resolved.
select distinct
    rules.rule_code,
    bills.nmi,
    bills.contract_id
from {{ ref('fct_bill_reconciliation') }} as bills
inner join {{ ref('exception_rules') }} as rules
    on
        rules.rule_code in (
            'SAP_REJECTED',
            'SAP_LOCKED',
            'SAP_UNKNOWN',
            'SAP_REVERSAL_NEEDED',
            'READING_NOT_FORMED',
            'BILL_DIFFERS',
            'BILL_NOT_COMPARABLE',
            'REVISION_OUTSIDE_WINDOW',
            'LIFE_SUPPORT_HELD'
        )
