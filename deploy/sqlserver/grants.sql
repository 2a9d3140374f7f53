/*
What billsync needs in its database and nothing more: no server role, no db_owner, no bulk operations. Run in the
database by an administrator; it can be run again. The users at the end are examples.

billsync_writer  runs the day: loads schema raw, lets dbt build staging, intermediate, reference and marts, keeps the
                 load ledger and the exception queue in schema operations
billsync_reader  reads the marts and the reference data: analysts, reports
*/
if schema_id('raw') is null exec('create schema raw');
if schema_id('staging') is null exec('create schema staging');
if schema_id('intermediate') is null exec('create schema intermediate');
if schema_id('reference') is null exec('create schema reference');
if schema_id('marts') is null exec('create schema marts');
if schema_id('operations') is null exec('create schema operations');
go

if database_principal_id('billsync_writer') is null create role billsync_writer;
if database_principal_id('billsync_reader') is null create role billsync_reader;
go

-- Tables, views and their indexes, in these schemas only: a CREATE right takes effect where ALTER on the schema is held.
grant create table to billsync_writer;
grant create view to billsync_writer;
grant alter, select, insert, update, delete, references, view definition on schema::raw to billsync_writer;
grant alter, select, insert, update, delete, references, view definition on schema::staging to billsync_writer;
grant alter, select, insert, update, delete, references, view definition on schema::intermediate to billsync_writer;
grant alter, select, insert, update, delete, references, view definition on schema::reference to billsync_writer;
grant alter, select, insert, update, delete, references, view definition on schema::marts to billsync_writer;
grant alter, select, insert, update, delete, references, view definition on schema::operations to billsync_writer;

grant select on schema::marts to billsync_reader;
grant select on schema::reference to billsync_reader;
go

-- The default schema is where the ledger's tables are made and found.
-- SQL login:              create user billsync for login billsync with default_schema = operations;
-- Windows or Kerberos:    create user [RETAILER\svc-billsync] for login [RETAILER\svc-billsync] with default_schema = operations;
-- Entra, managed identity or application:
--                         create user [billsync-app] from external provider with default_schema = operations;
-- then:                   alter role billsync_writer add member billsync;
