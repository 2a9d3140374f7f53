"""The whole billing day against the sandbox, twice: what must be found is found, and running again changes nothing."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.e2e

DAY = "2026-03-05"


@dataclass
class Days:
    """The state after the first run, after SAP has billed, and after running again."""

    home: Path
    first: dict[str, Any]
    billed: dict[str, Any]
    again: dict[str, Any]
    before: dict[str, tuple[object, ...]]
    after: dict[str, tuple[object, ...]]
    documents_before: list[tuple[object, ...]]
    documents_after: list[tuple[object, ...]]


def _billsync(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("BILLSYNC_", "AWS_"))}
    return subprocess.run(
        [sys.executable, "-m", "billsync", *words],
        cwd=REPOSITORY,
        env={**environ, "BILLSYNC_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )


def _run(home: Path) -> dict[str, Any]:
    done = _billsync(home, "run", "--day", DAY, "--json")
    assert done.returncode == 0, done.stderr[-4000:]
    shown: dict[str, Any] = json.loads(done.stdout)
    return shown


def _contents(home: Path) -> dict[str, tuple[object, ...]]:
    """Row count and the sum of every decimal column of every mart."""
    found: dict[str, tuple[object, ...]] = {}
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        tables = connection.execute(
            "select table_name from information_schema.tables where table_schema = 'marts' order by 1"
        ).fetchall()
        for (table,) in tables:
            numbers = connection.execute(
                "select column_name from information_schema.columns where table_schema = 'marts' "
                "and table_name = ? and data_type like 'DECIMAL%' order by 1",
                [table],
            ).fetchall()
            sums = "".join(f", sum({name})" for (name,) in numbers)
            row = connection.execute(f"select count(*){sums} from marts.{table}").fetchone()
            assert row is not None
            found[table] = row
    return found


def _documents(home: Path) -> list[tuple[object, ...]]:
    """Every reading of the ledger with the document SAP gave it."""
    with sqlite3.connect(home / "ledger.db") as connection:
        return connection.execute(
            "select reading_key, state, reading_result, sap_document_id, attempt_count from load_readings order by 1"
        ).fetchall()


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Days]:
    home = tmp_path_factory.mktemp("e2e")
    try:
        first = _run(home)
        assert _billsync(home, "sandbox", "bill").returncode == 0
        billed = _run(home)
        before, documents_before = _contents(home), _documents(home)
        again = _run(home)
        yield Days(home, first, billed, again, before, _contents(home), documents_before, _documents(home))
    finally:
        _billsync(home, "sandbox", "down")


def _query(home: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_day_is_complete_and_every_stage_balances(days: Days) -> None:
    assert days.first["is_complete"]
    assert days.first["failures"] == []
    assert days.first["stages"]
    for row in days.first["stages"]:
        assert row["received"] == row["accepted"] + row["rejected"] + row["parked"], row
    assert Path(days.again["report"]).is_file()


def test_at_least_sixty_contracts_close_and_their_readings_are_confirmed(days: Days) -> None:
    assert sum(row["bills"] for row in days.first["bills"]) >= 60
    states = {row["load_status"]: row["readings"] for row in days.first["readings"]}
    assert states["CONFIRMED"] > 0
    assert set(states) <= {"CONFIRMED", "HELD"}


def test_periods_are_not_billed_until_sap_bills_them(days: Days) -> None:
    assert {row["outcome"] for row in days.first["reconciliation"]} == {"NOT_BILLED"}


def test_planted_defects_are_exactly_what_their_rules_report(days: Days) -> None:
    planted = json.loads((days.home / "sandbox" / "truth" / "planted.json").read_text(encoding="utf-8"))
    codes = {one["rule_code"] for one in planted}
    listed = json.loads(_billsync(days.home, "exceptions", "list", "--day", DAY, "--json").stdout)
    found = [row for row in listed if row["rule_code"] in codes]
    assert len(found) == len(planted)
    for one in planted:
        same = [row for row in found if row["rule_code"] == one["rule_code"] and _same_subject(row, one)]
        assert same, one


def _same_subject(row: dict[str, Any], planted: dict[str, Any]) -> bool:
    """A rule names the meter or the contract, or neither where it is about a file."""
    pairs = [(row[name], planted.get(name)) for name in ("nmi", "contract_id")]
    named = [(have, want) for have, want in pairs if have is not None and want is not None]
    return all(have == want for have, want in named) and (bool(named) or not any(want for _, want in pairs))


def test_ten_bills_made_to_differ_are_exactly_the_differ_rows(days: Days) -> None:
    made = json.loads((days.home / "sandbox" / "truth" / "differing_bills.json").read_text(encoding="utf-8"))
    expected = {(one["contract_id"], one["period_start_date"], one["period_end_date"]) for one in made}
    found = _query(
        days.home,
        "select contract_id, cast(period_start_date as varchar), cast(period_end_date as varchar) "
        "from marts.fct_bill_reconciliation where outcome = 'DIFFER'",
    )
    assert len(found) == 10
    assert set(found) == expected


def test_bills_that_agree_agree_to_the_cent(days: Days) -> None:
    [(bills, difference)] = _query(
        days.home,
        "select count(*), max(abs(difference_aud)) from marts.fct_bill_reconciliation where outcome = 'AGREE'",
    )
    assert bills
    assert difference == 0


def test_running_the_day_again_changes_no_row_count_and_no_sum(days: Days) -> None:
    assert days.before == days.after
    assert days.again["is_complete"]


def test_running_the_day_again_sends_nothing_to_sap_a_second_time(days: Days) -> None:
    assert days.documents_before == days.documents_after
    confirmed = [row for row in days.documents_after if row[1] == "CONFIRMED"]
    assert confirmed
    assert {row[4] for row in confirmed} == {1}
    assert len({row[3] for row in confirmed}) == len(confirmed)
