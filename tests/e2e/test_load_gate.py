"""A billing day whose load waits for a person, told as a story; and no secret in anything that it leaves behind.

Dry run, a run that waits, a release of just that plan, the load; then an exception is released, which makes another
plan that needs a release of its own.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from .harness import Retailer, sandboxed

pytestmark = pytest.mark.e2e

DAY = "2026-03-05"
SEED = ("--service-points", "40", "--days", "10", "--day", DAY, "--closings", "12")
WAITS = {"BILLSYNC_SAP_APPROVAL": "required"}
CHANNEL_PASSWORD = "s3cret-of-the-channel"
WRONG_PASSWORD = "wr0ng-but-s3cret"


@dataclass
class Story:
    """What was said and what stood in SAP after each chapter."""

    retailer: Retailer
    held_contract: str
    dry: dict[str, Any] = field(default_factory=dict)
    waited: str = ""
    in_sap_while_waiting: int = -1
    refused: str = ""
    released: str = ""
    loaded: list[tuple[Any, ...]] = field(default_factory=list)
    waited_again: str = ""
    in_sap_while_waiting_again: int = -1
    loaded_at_last: list[tuple[Any, ...]] = field(default_factory=list)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    with sandboxed(tmp_path_factory.mktemp("gate"), *SEED) as retailer:
        story = Story(retailer, _hold_one_contract(retailer))
        story.dry = json.loads(retailer.call("run", "--day", DAY, "--dry-run", "--json").stdout)
        story.waited = retailer.run(DAY, expect=1, **WAITS)
        story.in_sap_while_waiting = len(retailer.sap_documents())
        story.refused = retailer.call("approve", "--day", DAY, "--plan", "0123456789ab").stderr
        story.released = retailer.call("approve", "--day", DAY, "--yes", "--reason", "looks right").stdout
        channel = f"json://user:{CHANNEL_PASSWORD}@127.0.0.1:9/{CHANNEL_PASSWORD}"
        retailer.run(DAY, expect=1, BILLSYNC_SAP_PASSWORD=WRONG_PASSWORD, BILLSYNC_ALERT_URLS=channel, **WAITS)
        retailer.run(DAY, **WAITS)
        story.loaded = retailer.sap_documents()
        _release_what_holds(story)
        story.waited_again = retailer.run(DAY, expect=1, **WAITS)
        story.in_sap_while_waiting_again = len(retailer.sap_documents())
        assert retailer.call("approve", "--day", DAY, "--yes").returncode == 0
        retailer.run(DAY, **WAITS)
        story.loaded_at_last = retailer.sap_documents()
        yield story


def _hold_one_contract(retailer: Retailer) -> str:
    """Let one house have a connection so thin that its use must be a mistake."""
    [(contract, nmi)] = retailer.retailer(
        "select c.contract_id, c.nmi from contracts as c inner join meter_reading_orders as o "
        f"on o.contract_id = c.contract_id where o.scheduled_read_date = '{DAY}' order by 1 limit 1"
    )
    retailer.retailer(f"update service_points set connection_capability_kw = '0.001' where nmi = '{nmi}'")
    return str(contract)


def _release_what_holds(story: Story) -> None:
    """Release what holds the contract."""
    waiting = story.retailer.fetch(
        "select exception_id from marts.fct_billing_exceptions where state = 'OPEN' and contract_id = ?",
        [story.held_contract],
    )
    assert waiting
    for (exception_id,) in waiting:
        done = story.retailer.call("exceptions", "release", exception_id, "--reason", "bill it as it is")
        assert done.returncode == 0, done.stderr


def test_dry_run_shows_counts_registers_and_money_and_sends_nothing(story: Story) -> None:
    plan = story.dry["load_plan"]
    assert story.dry["is_complete"] is True
    assert plan["to_send"] == sum(one["readings"] for one in plan["registers"]) > 0
    [(bills, money)] = story.retailer.fetch(
        "select count(*), sum(total_inc_gst_aud) from (select distinct b.contract_id, b.total_inc_gst_aud "
        "from marts.fct_shadow_bills as b inner join marts.fct_isu_meter_readings as r "
        "on r.contract_id = b.contract_id and r.reading_date = b.period_end_date "
        "where r.billing_day = ? and r.load_status <> 'HELD' and b.contract_id <> ?)", [DAY, story.held_contract],
    )  # fmt: skip
    assert (plan["bills"], Decimal(plan["amount_inc_gst_aud"])) == (bills, money)


def test_run_waits_for_the_release_with_exit_status_one_and_says_what_for(story: Story) -> None:
    plan = story.dry["load_plan"]
    assert "waits for a person's release" in story.waited
    assert plan["plan_hash"][:12] in story.waited
    assert f"{plan['to_send']} readings" in story.waited
    assert story.in_sap_while_waiting == 0


def test_approve_refuses_another_plan_and_releases_just_the_one_shown(story: Story) -> None:
    assert "not 0123456789ab" in story.refused
    assert f"plan {story.dry['load_plan']['plan_hash'][:12]} released by" in story.released


def test_act_equals_the_plan(story: Story) -> None:
    plan = story.dry["load_plan"]
    assert len(story.loaded) == plan["to_send"]
    by_register = dict(story.retailer.sap(
        "select register_id || reason || unit, count(*) from results where contract_id <> "
        f"'{story.held_contract}' group by 1"
    ))  # fmt: skip
    planned = {
        one["register_id"] + one["meter_reading_reason"] + one["unit"]: one["readings"] for one in plan["registers"]
    }
    assert by_register == planned


def test_released_exception_joins_the_next_load_and_needs_a_release_of_its_own(story: Story) -> None:
    assert "waits for a person's release" in story.waited_again
    assert story.dry["load_plan"]["plan_hash"][:12] not in story.waited_again
    assert story.in_sap_while_waiting_again == len(story.loaded)
    joined = story.loaded_at_last[len(story.loaded) :]
    assert joined
    assert story.loaded_at_last[: len(story.loaded)] == story.loaded
    [(contracts,)] = story.retailer.sap(
        f"select count(*) from results where contract_id = '{story.held_contract}'"
    )  # fmt: skip
    assert contracts == len(joined)


def test_decisions_are_kept_with_who_when_and_why(story: Story) -> None:
    rows = json.loads(story.retailer.call("sap", "decisions", "--json").stdout)
    assert [row["decision"] for row in rows] == ["RELEASED", "RELEASED"]
    assert rows[1]["reason"] == "looks right"
    assert all(row["actor"] and row["at"].endswith("Z") for row in rows)


def test_no_secret_stands_in_any_file_table_or_run_record(story: Story) -> None:
    """The sandbox's own folder holds its passwords by design; everything else must not."""
    served = json.loads((story.retailer.sandbox / "sandbox.json").read_text())["settings"]
    secrets = [served["BILLSYNC_SAP_PASSWORD"], served["BILLSYNC_METERING_API_TOKEN"], CHANNEL_PASSWORD, WRONG_PASSWORD]
    files = [
        path for path in story.retailer.home.rglob("*") if path.is_file() and story.retailer.sandbox not in path.parents
    ]
    assert {"ledger.db", "billsync.log", "report.html"} <= {path.name for path in files}
    for path in files:
        content = path.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in content], path
    # DuckDB compresses its text, so its tables are asked one by one.
    with duckdb.connect(str(story.retailer.home / "warehouse.duckdb"), read_only=True) as connection:
        columns = connection.execute(
            "select table_schema, table_name, column_name from information_schema.columns "
            "where data_type like '%VARCHAR%'"
        ).fetchall()
        for schema, table, column in columns:
            for secret in secrets:
                query = f'select count(*) from "{schema}"."{table}" where cast("{column}" as varchar) like ?'
                assert connection.execute(query, [f"%{secret}%"]).fetchone() == (0,), (table, column)
    with sqlite3.connect(story.retailer.home / "ledger.db") as ledger:
        dump = "\n".join(ledger.iterdump())
    assert not [secret for secret in secrets if secret in dump]
