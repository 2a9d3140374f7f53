"""The load ledger: planning, claiming, recording, snapshots."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from loaders.sap_isu.judgement import PlanStep
from loaders.sap_isu.lease import Lease
from loaders.sap_isu.ledger import Ledger
from loaders.sap_isu.ledger_rows import Change
from loaders.sap_isu.readings import PlannedReading, ReadingId
from loaders.sap_isu.states import Event, IllegalTransitionError, State
from loaders.snapshots import snapshot_ledger

DAY = date(2026, 3, 5)


def planned(value: str = "100", register: str = "001", device: str = "000000000000000001", **changes: object):
    reading = PlannedReading(
        id=ReadingId(device, register, DAY, "01"),
        category="01",
        reading_result=Decimal(value),
        unrounded_reading=Decimal(value) + Decimal("0.25"),
        billing_day=DAY,
        contract_id="C1",
    )
    return replace(reading, **changes)


@pytest.fixture
def ledger(operations: Engine) -> Ledger:
    return Ledger(operations, actor="run-1")


def send_all(ledger: Ledger, plan_id: str) -> list[str]:
    keys = [key for group in ledger.sendable_groups(plan_id) for key in group]
    with Lease(ledger.engine, ("load:2026-03-05",)) as lease:
        return [one.id.key for one in ledger.claim(keys, lease)]


def confirm(ledger: Ledger, reading: PlannedReading, status: str = "1") -> None:
    send_all(ledger, ledger.plan([reading]).plan_id)
    ledger.apply([Change(reading.id.key, Event.FOUND_BILLABLE, document_id="D1", status_code=status)])


def row_of(ledger: Ledger, reading: PlannedReading) -> dict[str, object]:
    return next(row for row in ledger.snapshot() if row["reading_key"] == reading.id.key)


def test_plan_twice_changes_nothing(ledger: Ledger) -> None:
    ledger.plan([planned()])
    before = list(ledger.snapshot())
    counts = ledger.plan([planned("100.000")])
    assert list(ledger.snapshot()) == before
    assert counts.steps == {PlanStep.REPLACE: 1}
    assert [entry["event"] for entry in ledger.history(planned().id.key)] == ["PLAN"]


def test_plan_changed_value_before_sending_takes_its_place(ledger: Ledger) -> None:
    ledger.plan([planned("100")])
    counts = ledger.plan([planned("101")])
    assert row_of(ledger, planned())["reading_result"] == "101"
    assert len(send_all(ledger, counts.plan_id)) == 1


def test_plan_same_value_after_confirmed_is_not_sent_again(ledger: Ledger) -> None:
    confirm(ledger, planned())
    counts = ledger.plan([planned()])
    assert send_all(ledger, counts.plan_id) == []
    assert row_of(ledger, planned())["state"] == "CONFIRMED"


@pytest.mark.parametrize(("billed", "word"), [(False, "correction needed"), (True, "reversal needed")])
def test_plan_changed_value_after_confirmed_needs_reversal_and_is_not_sent(
    ledger: Ledger, billed: bool, word: str
) -> None:
    confirm(ledger, planned("100"))
    ledger.apply([Change(planned().id.key, Event.FOUND_BILLED, status_code="7", is_billed=billed)])
    counts = ledger.plan([planned("105")])
    row = row_of(ledger, planned())
    assert send_all(ledger, counts.plan_id) == []
    assert row["state"] == "REVERSAL_NEEDED"
    assert row["reading_result"] == "100"
    assert word in str(row["message"])
    assert "SAP has 100, 105 is right" in str(row["message"])


def test_plan_value_back_to_what_sap_has_is_confirmed_again_by_the_read_back(ledger: Ledger) -> None:
    confirm(ledger, planned("100"))
    ledger.plan([planned("105")])
    ledger.plan([planned("100")])
    assert row_of(ledger, planned())["state"] == "REVERSAL_NEEDED"
    ledger.apply([Change(planned().id.key, Event.FOUND_BILLABLE, status_code="1", takes_wanted=True)])
    row = row_of(ledger, planned())
    assert (row["state"], row["reading_result"]) == ("CONFIRMED", "100")


def test_plan_value_back_to_what_is_on_its_way_forgets_the_wish(ledger: Ledger) -> None:
    send_all(ledger, ledger.plan([planned("100")]).plan_id)
    ledger.plan([planned("105")])
    counts = ledger.plan([planned("100")])
    assert counts.steps == {PlanStep.WISH_GONE: 1}
    ledger.apply([Change(planned().id.key, Event.FOUND_BILLABLE, status_code="1")])
    assert row_of(ledger, planned())["state"] == "CONFIRMED"


def test_plan_changed_value_while_unknown_waits_for_the_read_back(ledger: Ledger) -> None:
    send_all(ledger, ledger.plan([planned("100")]).plan_id)
    ledger.apply([Change(planned().id.key, Event.OUTCOME_UNKNOWN)])
    ledger.plan([planned("105")])
    assert row_of(ledger, planned())["state"] == "UNKNOWN"
    ledger.apply([Change(planned().id.key, Event.FOUND_BILLABLE, status_code="1")])
    assert row_of(ledger, planned())["state"] == "REVERSAL_NEEDED"


def test_plan_changed_value_while_unknown_and_not_in_sap_sends_the_new_one(ledger: Ledger) -> None:
    send_all(ledger, ledger.plan([planned("100")]).plan_id)
    counts = ledger.plan([planned("105")])
    ledger.apply([Change(planned().id.key, Event.NOT_FOUND, takes_wanted=True)])
    assert row_of(ledger, planned())["reading_result"] == "105"
    assert len(send_all(ledger, counts.plan_id)) == 1


def test_plan_held_reading_is_not_sendable_until_released(ledger: Ledger) -> None:
    held = ledger.plan([planned(is_held=True, hold_reason="gap")])
    assert list(ledger.sendable_groups(held.plan_id)) == []
    assert row_of(ledger, planned())["state"] == "HELD"
    released = ledger.plan([planned()])
    assert list(ledger.sendable_groups(released.plan_id)) == [(planned().id.key,)]
    assert [entry["message"] for entry in ledger.history(planned().id.key)] == ["held: gap", "no longer held"]


def test_plan_rejected_reading_stays_rejected_while_held_and_goes_again_when_released(ledger: Ledger) -> None:
    send_all(ledger, ledger.plan([planned()]).plan_id)
    ledger.apply([Change(planned().id.key, Event.REFUSED, "no order")])
    ledger.plan([planned(is_held=True)])
    assert row_of(ledger, planned())["state"] == "REJECTED"
    counts = ledger.plan([planned()])
    assert len(send_all(ledger, counts.plan_id)) == 1


def test_plan_two_values_for_one_register_holds_it(ledger: Ledger) -> None:
    counts = ledger.plan([planned("100"), planned("101")])
    assert len(counts.conflicts) == 1
    assert list(ledger.sendable_groups(counts.plan_id)) == []


def test_cancel_missing_waiting_reading_of_the_day_is_cancelled(ledger: Ledger) -> None:
    ledger.plan([planned(), planned(register="002")])
    counts = ledger.plan([planned()])
    assert ledger.cancel_missing(counts.plan_id, [DAY]) == 1
    assert row_of(ledger, planned(register="002"))["state"] == "CANCELLED"
    back = ledger.plan([planned(register="002")])
    assert len(list(ledger.sendable_groups(back.plan_id))) == 1


def test_claim_twice_takes_each_reading_once(ledger: Ledger) -> None:
    plan_id = ledger.plan([planned(), planned(register="002")]).plan_id
    keys = [key for group in ledger.sendable_groups(plan_id) for key in group]
    with Lease(ledger.engine, ("load",)) as lease:
        assert len(ledger.claim(keys, lease)) == 2
        assert ledger.claim(keys, lease) == []


def test_sendable_groups_many_devices_pages_without_cutting_a_device(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loaders.sap_isu.ledger._PAGE", 5)
    readings = [planned(device=f"D{number:03d}", register=f"{r:03d}") for number in range(7) for r in (1, 2, 3)]
    plan_id = ledger.plan(readings).plan_id
    groups = list(ledger.sendable_groups(plan_id))
    assert groups == [tuple(r.id.key for r in readings[start : start + 3]) for start in range(0, 21, 3)]


def test_apply_illegal_event_leaves_everything_as_it_was(ledger: Ledger) -> None:
    ledger.plan([planned(), planned(register="002")])
    before = list(ledger.snapshot())
    changes = [
        Change(planned().id.key, Event.ORDER_GONE),
        Change(planned(register="002").id.key, Event.ACCEPTED),
    ]
    with pytest.raises(IllegalTransitionError):
        ledger.apply(changes)
    assert list(ledger.snapshot()) == before


def test_last_unrounded_counts_only_what_sap_has(ledger: Ledger) -> None:
    confirm(ledger, planned("100"))
    later = replace(planned("200"), id=ReadingId(planned().id.device_id, "001", date(2026, 4, 5), "01"))
    ledger.plan([later])
    assert ledger.last_unrounded(planned().id.device_id, "001") == Decimal("100.25")
    assert ledger.last_unrounded("nobody", "001") is None


def test_history_tells_each_step_with_time_and_actor(ledger: Ledger) -> None:
    confirm(ledger, planned())
    steps = [(entry["event"], entry["from_state"], entry["to_state"]) for entry in ledger.history(planned().id.key)]
    assert steps == [("PLAN", None, "PLANNED"), ("SEND", "PLANNED", "SENT"), ("FOUND_BILLABLE", "SENT", "CONFIRMED")]
    assert {entry["actor"] for entry in ledger.history(planned().id.key)} == {"run-1"}


def test_snapshot_writes_the_raw_table(ledger: Ledger, tmp_path: Path) -> None:
    confirm(ledger, planned())
    write = snapshot_ledger(ledger, tmp_path / "staging")
    import pyarrow.parquet as pq

    (row,) = pq.read_table(write.files[0]).to_pylist()
    assert write.table == "load_ledger"
    assert (row["state"], row["sap_document_id"], row["unrounded_reading"]) == (State.CONFIRMED, "D1", "100.25")
