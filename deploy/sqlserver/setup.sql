-- Makes billsync's database and login on the server of the compose file; run again, it changes nothing.
-- Needs an administrator's login; billsync's own then needs nothing of the server but to connect.
:on error exit
set nocount on;
go
if db_id(N'billsync') is null
    create database billsync;
go
-- Readers see the last committed rows while a day is written, instead of waiting for it.
if (select is_read_committed_snapshot_on from sys.databases where name = N'billsync') = 0
    alter database billsync set read_committed_snapshot on with rollback immediate;
go
-- The password is the variable of the environment; a new one there is taken over at the next start.
if suser_id(N'billsync') is null
begin
    create login billsync with password = N'$(BILLSYNC_PASSWORD)', default_database = billsync;
end
else
begin
    alter login billsync with password = N'$(BILLSYNC_PASSWORD)';
end
go
use billsync;
go
if user_id(N'billsync') is null
    create user billsync for login billsync;
go
-- Reads, writes and changes tables of this one database; no server role, not the owner, no users of its own.
alter role db_datareader add member billsync;
alter role db_datawriter add member billsync;
alter role db_ddladmin add member billsync;
grant execute, view definition, view database state to billsync;
go
