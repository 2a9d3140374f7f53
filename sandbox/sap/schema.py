"""Tables and views of the pretend SAP's SQLite store.

Views are named after the OData entity sets (``umc_`` before the name) and their columns after the OData properties,
so that the gateway reads every set in one way. Numbers are text and stay exact; instants are ISO wall clock text
without a zone, as SAP has them.
"""

from __future__ import annotations

_TABLES = """
create table if not exists customers (
    customer_id text primary key, customer_name text, customer_type text, is_gst_registered integer);
create table if not exists contract_accounts (contract_account_id text primary key, customer_id text);
create table if not exists service_points (
    nmi text primary key, jurisdiction text, meter_type text, delivery text, connection_capability_kw text);
create table if not exists contracts (
    contract_id text primary key, contract_account_id text, nmi text, start_date text, end_date text);
create index if not exists contracts_by_nmi on contracts (nmi);
create table if not exists contract_plans (contract_id text, plan_id text, start_date text, end_date text);
create index if not exists contract_plans_by_contract on contract_plans (contract_id);
create table if not exists contract_terms (contract_id text, term text, value text, start_date text, end_date text);
create table if not exists devices (
    device_id text primary key, serial_number text, nmi text, installed_date text, removed_date text);
create index if not exists devices_by_nmi on devices (nmi);
create table if not exists registers (
    device_id text, register_id text, nmi_suffix text, usage_type text, time_band text, unit text,
    multiplier text, integer_places integer, decimal_places integer, primary key (device_id, register_id));
create table if not exists register_limits (
    device_id text, register_id text, limit_per_day text, primary key (device_id, register_id));
create table if not exists meter_readings (
    meter_id text, register_id text, meter_reading text, reading_date text, reading_type text);
create index if not exists meter_readings_by_meter on meter_readings (meter_id, register_id, reading_date);
create table if not exists orders (
    meter_reading_order_id text primary key, contract_id text, device_id text, register_id text,
    meter_reading_reason text, scheduled_read_date text, period_start_date text, previous_reading text,
    state text not null default 'OPEN');
create index if not exists orders_by_register on orders (device_id, register_id, scheduled_read_date);
create index if not exists orders_by_day on orders (scheduled_read_date, contract_id);
create table if not exists results (
    seq integer primary key autoincrement, device_id text not null, register_id text not null,
    reading_result text not null, read_at text not null, unit text, note text not null default '',
    consumption text, reason text not null, category text not null, status text not null, serial_number text,
    order_id text, contract_id text, refs text);
create unique index if not exists results_once
    on results (device_id, register_id, substr(read_at, 1, 10), reason);
create index if not exists results_by_register on results (device_id, register_id, read_at);
create index if not exists results_by_order on results (order_id);
create index if not exists results_by_contract on results (contract_id);
create table if not exists consumption_values (
    contract_id text, start_date text, end_date text, billed_amount text, value text, category text,
    billing_day text, primary key (contract_id, start_date));
create table if not exists invoices (
    seq integer primary key autoincrement, contract_id text, contract_account_id text, customer_id text,
    amount text, invoice_date text, due_date text, description text);
create table if not exists soap_messages (
    message_id text primary key, name text not null, body blob not null, state text not null, due_at real not null,
    received_count integer not null default 1);
create index if not exists soap_messages_by_state on soap_messages (state, due_at);
create table if not exists soap_outbox (
    number integer primary key autoincrement, body blob not null, due_at real not null,
    tries integer not null default 0, sent_at text);
create index if not exists soap_outbox_by_due on soap_outbox (sent_at, due_at);
create table if not exists profile_values (
    profile_number text, start_at text, end_at text, value text, unit text, status text,
    primary key (profile_number, start_at));
create table if not exists not_billed (
    contract_id text, period_end_date text, reason text, primary key (contract_id, period_end_date));
"""

# "Billable" results are those with a status that a later reading may build on.
_VIEWS = """
create view if not exists "umc_MeterReadingResults" as
select printf('%020d', seq) as "MeterReadingResultID", device_id as "DeviceID", register_id as "RegisterID",
       reading_result as "ReadingResult", read_at as "ReadingDateTime", unit as "ReadingUnit",
       note as "MeterReadingNoteID", consumption as "Consumption", reason as "MeterReadingReasonID",
       category as "MeterReadingCategoryID", status as "MeterReadingStatusID", serial_number as "SerialNumber",
       0 as "MultipleMeterReadingReasonsFlag", contract_id as "ContractID", seq as row_order
from results;

create view if not exists "umc_RegistersToRead" as
with known as (
    select d.device_id, d.serial_number, r.register_id, r.unit, r.integer_places, r.decimal_places, r.multiplier,
           d.removed_date, r.usage_type, r.rowid as row_order,
           (select x.seq from results x where x.device_id = r.device_id and x.register_id = r.register_id
              and x.status in ('1', '4', '5', '7') order by x.read_at desc limit 1) as result_seq,
           (select o.rowid from orders o where o.device_id = r.device_id and o.register_id = r.register_id
              and o.state = 'OPEN' order by o.scheduled_read_date limit 1) as order_row
    from registers r join devices d on d.device_id = r.device_id)
select k.device_id as "DeviceID", k.register_id as "RegisterID",
       case k.usage_type when 'DEMAND' then '02' else '01' end as "RegisterTypeID", k.unit as "ReadingUnit",
       printf('%02d', k.integer_places) as "IntegerPlaces", printf('%02d', k.decimal_places) as "DecimalPlaces",
       case when o.rowid is null then 1 else 0 end as "NoMeterReadingOrderFlag",
       coalesce(x.reading_result, o.previous_reading) as "PreviousMeterReadingResult",
       coalesce(x.read_at, date(o.period_start_date, '-1 day') || 'T00:00:00') as "PreviousMeterReadingDate",
       coalesce(x.reason, '') as "PreviousMeterReadingReasonID",
       coalesce(x.category, '') as "PreviousMeterReadingCategoryID",
       k.serial_number as "SerialNumber", k.multiplier as "Multiplier", k.row_order
from known k left join results x on x.seq = k.result_seq left join orders o on o.rowid = k.order_row
where k.removed_date is null or o.rowid is not null;

create view if not exists "umc_Devices" as
select d.device_id as "DeviceID",
       coalesce((select c.contract_id from contracts c where c.nmi = d.nmi order by c.start_date desc limit 1), '')
           as "ContractID",
       '01' as "DivisionID", d.serial_number as "SerialNumber", '' as "FunctionClass", 'METER' as "DeviceMaterial",
       '' as "DeviceLocation", '' as "DeviceDescription", d.nmi as "InstallationID", d.rowid as row_order
from devices d;

create view if not exists "umc_Contracts" as
select contract_id as "ContractID", '' as "Description", contract_account_id as "ContractAccountID",
       '01' as "DivisionID", nmi as "PremiseID", start_date || 'T00:00:00' as "MoveInDate",
       coalesce(end_date, '9999-12-31') || 'T00:00:00' as "MoveOutDate", '' as "ProcessingStatus",
       0 as "HistoricFlag", rowid as row_order
from contracts;

create view if not exists "umc_ContractAccounts" as
select contract_account_id as "ContractAccountID", customer_id as "AccountID", '' as "Description", rowid as row_order
from contract_accounts;

create view if not exists "umc_Accounts" as
select customer_id as "AccountID", case customer_type when 'BUSINESS' then '2' else '1' end as "AccountTypeID",
       coalesce(customer_name, '') as "FullName", rowid as row_order
from customers;

create view if not exists "umc_ContractConsumptionValues" as
select contract_id as "ContractID", '02' as "ConsumptionPeriodTypeID", start_date || 'T00:00:00' as "StartDate",
       end_date || 'T00:00:00' as "EndDate", billed_amount as "BilledAmount", 'AUD' as "Currency",
       value as "ConsumptionValue", 'KWH' as "ConsumptionUnit", substr(end_date, 1, 4) as "BillingPeriodYear",
       substr(end_date, 6, 2) as "BillingPeriodMonth", category as "MeterReadingCategoryID", rowid as row_order
from consumption_values;

create view if not exists "umc_Invoices" as
select printf('%012d', i.seq) as "InvoiceID", i.customer_id as "AccountID",
       i.contract_account_id as "ContractAccountID", i.amount as "AmountDue", 'AUD' as "Currency",
       i.due_date || 'T00:00:00' as "DueDate", i.invoice_date || 'T00:00:00' as "InvoiceDate", '0' as "AmountPaid",
       i.amount as "AmountRemaining", i.description as "InvoiceDescription", '01' as "InvoiceStatusID",
       i.seq as row_order
from invoices i;
"""

SCHEMA = _TABLES + _VIEWS
