/*
The database of billsync, made once by a database administrator. Change the names and sizes to your house's.

- The collation compares by code, so that NMI, plan and file names that differ only in case stay two, as they are in the
  files and on every other warehouse; _UTF8 (SQL Server 2019 and later) keeps every character in varchar. On 2017 take
  Latin1_General_100_BIN2: the raw layer then keeps its texts as nvarchar.
- Readers of the marts see the rows as they were committed and wait for no writer (read-committed snapshot).
*/
create database billsync collate Latin1_General_100_BIN2_UTF8;
go
alter database billsync set read_committed_snapshot on with rollback immediate;
go
