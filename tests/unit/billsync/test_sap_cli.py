"""``billsync approve`` and ``billsync sap`` on a ledger of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from billsync.cli import main
from loaders.sap_isu.lease import Lease
from loaders.sap_isu.ledger import Ledger
from loaders.sap_isu.ledger_rows import Change
from loaders.sap_isu.loader import plan_load
from loaders.sap_isu.plan_shown import ShownPlan, keep_shown, show_plan
from loaders.sap_isu.states import Event
from tests.integration.sap_load_process import BILLING_DAY, open_ledger, rows

DAY = BILLING_DAY.isoformat()
KEY = f"000000000000000001|001|{DAY}|01"


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    url = f"sqlite:///{tmp_path}/operations.db"
    monkeypatch.setenv("BILLSYNC_ENV", "test")
    monkeypatch.setenv("BILLSYNC_HOME", str(tmp_path))
    monkeypatch.setenv("BILLSYNC_LEDGER_URL", url)
    return open_ledger(url)


def planned(ledger: Ledger, value: str = "1100.4") -> ShownPlan:
    plan = plan_load(ledger, rows(1, value), first_day=BILLING_DAY, last_day=BILLING_DAY)
    shown = show_plan(ledger, plan.plan_id, BILLING_DAY, BILLING_DAY, {})
    keep_shown(ledger, shown)
    return shown


def call(*words: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(main, words, input=answer)


def test_approve_without_a_plan_says_how_to_make_one(ledger: Ledger) -> None:
    done = call("approve", "--day", DAY, "--yes")
    assert done.exit_code == 1
    assert f"billsync run --day {DAY} --dry-run" in done.output


def test_approve_asks_and_records_only_a_yes(ledger: Ledger) -> None:
    shown = planned(ledger)
    assert call("approve", "--day", DAY, answer="n\n").exit_code == 1
    assert json.loads(call("sap", "plan", "--day", DAY, "--json").output)["released"] is None
    done = call("approve", "--day", DAY, answer="y\n")
    assert (done.exit_code, shown.plan_hash in done.output, "2 readings" in done.output) == (0, True, True)
    assert json.loads(call("sap", "plan", "--day", DAY, "--json").output)["released"]["plan_hash"] == shown.plan_hash


def test_approve_of_a_plan_that_changed_meanwhile_is_refused(ledger: Ledger) -> None:
    seen = planned(ledger)
    planned(ledger, "1200.5")
    done = call("approve", "--day", DAY, "--plan", seen.plan_hash[:12])
    assert done.exit_code == 1
    assert "look at it again" in done.output
    assert call("sap", "decisions").output.strip() == "none"


@pytest.mark.parametrize("words", [("approve", "--day", "5 March"), ("sap", "plan", "--day", "2026-13-01")])
def test_day_that_is_none_is_wrong_usage(ledger: Ledger, words: tuple[str, ...]) -> None:
    assert call(*words).exit_code == 2


def test_pause_and_resume_are_kept_with_their_reasons(ledger: Ledger) -> None:
    assert "paused since" in call("sap", "pause", "--reason", "SAP is being upgraded").output
    assert "goes on" in call("sap", "resume", "--reason", "upgrade done").output
    assert "was not paused" in call("sap", "resume", "--reason", "again").output
    told = json.loads(call("sap", "decisions", "--json").output)
    assert [(one["decision"], one["reason"]) for one in told] == [
        ("RESUMED", "upgrade done"),
        ("PAUSED", "SAP is being upgraded"),
    ]


def test_unknown_reading_is_listed_decided_and_its_history_told(ledger: Ledger) -> None:
    planned(ledger)
    with Lease(ledger.engine, ("test",)) as lease:
        ledger.claim([KEY], lease)
        ledger.apply([Change(KEY, Event.OUTCOME_UNKNOWN, "the connection was cut")])
    [listed] = json.loads(call("sap", "open", "--day", DAY, "--json").output)
    assert (listed["reading_key"], listed["state"]) == (KEY, "UNKNOWN")
    done = call("sap", "decide", KEY, "--in-sap", "1100.40", "--document", "D7", "--reason", "seen in EL31")
    assert (done.exit_code, "is CONFIRMED" in done.output) == (0, True)
    told = call("sap", "history", KEY).output
    assert "the connection was cut" in told
    assert "seen in EL31" in told
    assert call("sap", "decide", KEY, "--not-in-sap", "--reason", "no").exit_code == 1


def test_decide_needs_one_word_and_a_known_key(ledger: Ledger) -> None:
    planned(ledger)
    assert call("sap", "decide", KEY, "--reason", "x").exit_code == 2
    assert call("sap", "decide", KEY, "--in-sap", "1", "--not-in-sap", "--reason", "x").exit_code == 2
    assert call("sap", "decide", KEY, "--in-sap", "many", "--reason", "x").exit_code == 2
    done = call("sap", "decide", "no|such|key|01", "--not-in-sap", "--reason", "x")
    assert (done.exit_code, "the ledger has none of this key" in done.output) == (1, True)


def test_decide_while_a_load_works_on_the_day_is_refused(ledger: Ledger) -> None:
    planned(ledger)
    with Lease(ledger.engine, (f"sap_load:{DAY}",)) as lease:
        ledger.claim([KEY], lease)
        done = call("sap", "decide", KEY, "--not-in-sap", "--reason", "x")
    assert (done.exit_code, "is working on it" in done.output) == (1, True)
