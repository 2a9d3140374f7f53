"""``billsync explain --as-of`` shows a bill by the version known then, with its own lines, to the cent."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from billsync.cli import main
from billsync.explain import NoSuchBillError, explain_bill
from loaders.warehouse.duckdb_warehouse import DuckDBWarehouse

PERIOD = (date(2026, 2, 5), date(2026, 3, 5))
BILL = """contract_id varchar, period_start_date date, period_end_date date, billing_day date, bill_version integer,
    contract_account_id varchar, nmi varchar, plan_id varchar, day_count integer, usage_kwh decimal(23,14),
    feed_in_kwh decimal(23,14), total_ex_gst_aud decimal(18,2), gst_aud decimal(18,2), total_inc_gst_aud decimal(18,2),
    has_estimates integer, has_substitutes integer, status varchar, status_reason varchar, read_version_at timestamp,
    content_hash varchar"""
LINE = """contract_id varchar, period_start_date date, period_end_date date, bill_version integer, charge_id varchar,
    price_start_date date, plan_id varchar, version_hash varchar, charge_type varchar, time_band varchar,
    block_number integer, quantity decimal(23,14), unit varchar, unit_price_ex_gst_aud decimal(14,8),
    amount_ex_gst_aud decimal(18,2), gst_aud decimal(18,4), rule_model varchar"""


def bill(version: int, kwh: int, net: str, gst: str, total: str) -> str:
    return (
        f"('C', '2026-02-05', '2026-03-05', '2026-03-05', {version}, 'A', 'N', 'P', 29, {kwh}, 0, {net}, {gst}, "
        f"{total}, 0, 0, 'READY', null, null, 'h{version}'"
    )


def line(version: int, kwh: int, amount: str, gst: str) -> str:
    return (
        f"('C', '2026-02-05', '2026-03-05', {version}, 'USAGE:ALL:1', '2026-02-05', 'P', 'v', 'USAGE', 'ALL', 1, "
        f"{kwh}, 'KWH', 0.30, {amount}, {gst}, 'int_charges__usage')"
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Version 1 known from the end of 5 March (100 kWh), version 2 from the end of 14 April (110 kWh)."""
    file = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"""
            create schema marts; create schema intermediate; create schema staging;
            create table marts.fct_shadow_bills ({BILL});
            create table marts.fct_shadow_bill_versions ({BILL}, known_from_at timestamp, first_status varchar,
                first_status_reason varchar, status_known_from_at timestamp);
            create table marts.fct_shadow_bill_line_versions ({LINE});
            create table marts.fct_bill_revisions (contract_id varchar, period_start_date date, period_end_date date,
                revision_day date, from_version integer, to_version integer, cause varchar, first_changed_date date,
                last_changed_date date, difference_aud decimal(18,2), outcome varchar, reason varchar);
            insert into marts.fct_bill_revisions values ('C', '2026-02-05', '2026-03-05', '2026-04-14', 1, 2, 'READS',
                '2026-02-07', '2026-02-07', 3.30, 'REBILL_BEFORE_ISSUE', 'not issued');
            create schema raw;
            create table raw.read_edits (file_name varchar, kind varchar, nmi varchar, nmi_suffix varchar,
                market_date date, billing_day date, made_by varchar, made_at timestamp, reason varchar,
                withdrawn_by varchar, withdrawn_at timestamp, withdrawn_reason varchar);
            insert into raw.read_edits values ('edit-1', 'EDIT', 'N', 'E1', '2026-02-07', '2026-04-13', 'ann',
                '2026-04-14 01:00:00', 'check read', null, null, null);
            create table intermediate.int_plan_versions__in_force (plan_id varchar, version_hash varchar,
                version_number integer, dated_from date, first_date date, last_date date, first_seen_billing_day date);
            create table staging.stg_plans__versions (plan_id varchar, version_hash varchar, display_name varchar);
            insert into marts.fct_shadow_bills values {bill(2, 110, "33.00", "3.30", "36.30")});
            insert into marts.fct_shadow_bill_versions values
                {bill(1, 100, "30.00", "3.00", "33.00")}, '2026-03-05 14:00:00', 'HELD', 'READ_SPIKE: 9 kWh',
                '2026-03-09 14:00:00'),
                {bill(2, 110, "33.00", "3.30", "36.30")}, '2026-04-14 14:00:00', 'READY', null, '2026-04-14 14:00:00');
            insert into marts.fct_shadow_bill_line_versions values
                {line(1, 100, "30.00", "3.00")}, {line(2, 110, "33.00", "3.30")};
        """)
    return file


@pytest.mark.parametrize(
    ("as_of", "version", "total"),
    [
        (datetime(2026, 3, 5, 14, tzinfo=UTC), 1, "33.00"),
        (datetime(2026, 4, 14, 13, 59, 59, tzinfo=UTC), 1, "33.00"),
        (datetime(2026, 4, 14, 14, tzinfo=UTC), 2, "36.30"),
    ],
)
def test_bill_as_of_is_the_last_version_known_then_and_its_lines_make_it(
    path: Path, as_of: datetime, version: int, total: str
) -> None:
    explained = explain_bill(DuckDBWarehouse(path), "C", PERIOD, as_of)
    assert (explained.bill["bill_version"], explained.bill["total_inc_gst_aud"]) == (version, Decimal(total))
    assert explained.totals
    assert explained.totals.adds_up
    assert [line.row["quantity"] for line in explained.lines] == [Decimal(100 if version == 1 else 110)]


@pytest.mark.parametrize(
    ("as_of", "status", "counts"),
    [
        (datetime(2026, 3, 9, 13, 59, tzinfo=UTC), "HELD", (1, 0, 0)),
        (datetime(2026, 3, 9, 14, tzinfo=UTC), "READY", (1, 0, 0)),
        (datetime(2026, 4, 13, 14, tzinfo=UTC), "READY", (1, 0, 1)),
        (datetime(2026, 4, 14, 14, tzinfo=UTC), "READY", (2, 1, 1)),
    ],
)
def test_bill_as_of_knows_nothing_of_what_came_later(
    path: Path, as_of: datetime, status: str, counts: tuple[int, int, int]
) -> None:
    explained = explain_bill(DuckDBWarehouse(path), "C", PERIOD, as_of)
    assert explained.bill["status"] == status
    assert (len(explained.versions), len(explained.revisions), len(explained.edits)) == counts


def test_bill_before_its_first_version_was_not_known(path: Path) -> None:
    with pytest.raises(NoSuchBillError, match="had no bill"):
        explain_bill(DuckDBWarehouse(path), "C", PERIOD, datetime(2026, 3, 5, 13, 59, tzinfo=UTC))


@pytest.mark.parametrize(("as_of", "total"), [("2026-03-05", "33.00"), ("2026-04-14T14:00:00Z", "36.30")])
def test_command_takes_a_billing_day_or_an_instant(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_of: str, total: str
) -> None:
    monkeypatch.setenv("BILLSYNC_HOME", str(tmp_path))
    monkeypatch.setenv("BILLSYNC_DUCKDB_PATH", str(path))
    shown = CliRunner().invoke(main, ["explain", "--contract", "C", "--as-of", as_of, "--json"])
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)["total_inc_gst_aud"] == total


def test_command_refuses_what_is_no_instant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BILLSYNC_HOME", str(tmp_path))
    shown = CliRunner().invoke(main, ["explain", "--contract", "C", "--as-of", "tomorrow"])
    assert shown.exit_code == 2
    assert "is no instant" in shown.stderr
