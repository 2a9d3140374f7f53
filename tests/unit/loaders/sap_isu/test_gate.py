"""The plan as shown, its release, and the brake: exactly the plan that a person saw is sent, and errors stop a load."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from loaders.sap_isu.exchange import Tally
from loaders.sap_isu.gate import Decided, Gate, LoadPausedError, NotReleasedError, PlanGuard, StopRule
from loaders.sap_isu.lease import Lease
from loaders.sap_isu.ledger import Ledger
from loaders.sap_isu.ledger_rows import Change
from loaders.sap_isu.loader import plan_load, run_load
from loaders.sap_isu.plan_shown import ShownPlan, keep_shown, last_shown, show_plan
from loaders.sap_isu.readings import ReadingId, SapReading
from loaders.sap_isu.states import Event
from loaders.sap_isu.transport import Capabilities, DeviceGroup, Outcome, OutcomeKind, Transport
from tests.integration.sap_load_process import BILLING_DAY, POLICY, open_ledger, rows

AMOUNTS = {(f"{number:010d}", BILLING_DAY): Decimal("100.05") for number in range(1, 4)}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path}/operations.db")


def shown(ledger: Ledger, plan_rows: list[dict[str, object]], amounts: Any = AMOUNTS) -> ShownPlan:
    plan = plan_load(ledger, plan_rows, first_day=BILLING_DAY, last_day=BILLING_DAY)
    return show_plan(ledger, plan.plan_id, BILLING_DAY, BILLING_DAY, amounts)


def test_shown_plan_counts_readings_registers_and_money(ledger: Ledger) -> None:
    held = [{**row, "is_held": 1} if row["contract_id"] == f"{3:010d}" else row for row in rows(3)]
    plan = shown(ledger, held)
    assert (plan.to_send, plan.held, plan.open, plan.bills, plan.amount_inc_gst_aud) == (4, 2, 0, 2, "200.1")
    by_register = [(one.register_id, one.readings, one.usage) for one in plan.registers]
    assert by_register == [("001", 2, "200.86"), ("002", 2, "200.86")]


def test_shown_plan_kept_and_found_again_is_the_same(ledger: Ledger) -> None:
    plan = shown(ledger, list(rows(2)))
    keep_shown(ledger, plan)
    found = last_shown(ledger, BILLING_DAY)
    assert found is not None
    assert found.planned_at != ""
    assert (found.plan_hash, found.registers, found.states) == (plan.plan_hash, plan.registers, {"PLANNED": 4})
    assert last_shown(ledger, date(2026, 3, 6)) is None


def test_plan_hash_same_plan_again_is_the_same_also_when_half_of_it_is_sent(ledger: Ledger) -> None:
    first = shown(ledger, list(rows(2)))
    with Lease(ledger.engine, ("sap_load:test",)) as lease:
        keys = [row["reading_key"] for row in ledger.snapshot()][:2]
        ledger.claim(keys, lease)
        ledger.apply([Change(str(key), Event.FOUND_BILLABLE) for key in keys])
    again = shown(ledger, list(rows(2)))
    assert again.plan_hash == first.plan_hash
    assert (again.to_send, again.states) == (2, {"CONFIRMED": 2, "PLANNED": 2})


@pytest.mark.parametrize(
    "change",
    [
        {"reading_result": "1100.5"},
        {"meter_reading_category": "03"},
        {"is_held": 1},
        {"register_id": "003"},
    ],
)
def test_plan_hash_any_change_of_a_reading_is_another_plan(ledger: Ledger, change: dict[str, object]) -> None:
    first = shown(ledger, list(rows(2)))
    other = [{**row, **change} if number == 0 else row for number, row in enumerate(rows(2))]
    assert shown(ledger, other).plan_hash != first.plan_hash


def test_plan_hash_other_money_or_one_reading_less_is_another_plan(ledger: Ledger) -> None:
    first = shown(ledger, list(rows(2)))
    assert (
        shown(ledger, list(rows(2)), {**AMOUNTS, (f"{1:010d}", BILLING_DAY): Decimal("1")}).plan_hash != first.plan_hash
    )
    assert shown(ledger, list(rows(2))[:3]).plan_hash != first.plan_hash


def test_gate_needs_release_refuses_until_just_this_plan_is_released(ledger: Ledger) -> None:
    gate = Gate(ledger.engine, needs_release=True)
    plan = shown(ledger, list(rows(2)))
    refusal = gate.refusal(plan)
    assert isinstance(refusal, NotReleasedError)
    assert "4 readings of 2 bills, 200.1 AUD" in str(refusal)
    assert "billsync approve --day 2026-03-05" in refusal.remedy
    noted = gate.release(plan, actor="ann", reason="checked")
    assert (noted.actor, noted.decision, noted.plan_hash) == ("ann", Decided.RELEASED, plan.plan_hash)
    assert gate.refusal(plan) is None
    assert isinstance(gate.refusal(shown(ledger, list(rows(2, "1100.5")))), NotReleasedError)


def test_gate_release_twice_keeps_the_first(ledger: Ledger) -> None:
    gate = Gate(ledger.engine, needs_release=True)
    plan = shown(ledger, list(rows(1)))
    gate.release(plan, actor="ann", reason="first")
    assert gate.release(plan, actor="bob", reason="second").actor == "ann"
    assert len(gate.decisions()) == 1


def test_gate_paused_refuses_every_plan_until_a_person_resumes(ledger: Ledger) -> None:
    gate = Gate(ledger.engine)
    plan = shown(ledger, list(rows(1)))
    gate.stop("too many errors", actor="billsync run", billing_day=BILLING_DAY)
    refusal = gate.refusal(plan)
    assert isinstance(refusal, LoadPausedError)
    assert "too many errors" in refusal.why
    assert gate.resume(actor="ann", reason="repaired") is not None
    assert gate.refusal(plan) is None
    assert gate.resume(actor="ann", reason="again") is None
    assert [one.decision for one in gate.decisions()] == [Decided.RESUMED, Decided.PAUSED]


@pytest.mark.parametrize(
    ("rejected", "answered", "stops"),
    [(19, 19, False), (20, 200, False), (20, 199, True), (21, 200, True), (0, 0, False)],
)
def test_stop_rule_least_number_and_share_both_have_to_be_exceeded(rejected: int, answered: int, stops: bool) -> None:
    rule = StopRule(least=20, rejected_share=Decimal("0.10"))
    assert (rule.too_many_rejected(rejected, answered) is not None) is stops


def test_guard_brake_pauses_once_and_tells(ledger: Ledger) -> None:
    told: list[LoadPausedError] = []
    gate = Gate(ledger.engine)
    guard = PlanGuard(gate, shown(ledger, list(rows(1))), StopRule(least=2), "billsync run", told.append)
    assert guard.brake(Tally(answered=100, rejected=1)) is None
    brake = guard.brake(Tally(answered=10, rejected=5))
    assert brake is not None
    assert "5 of 10 readings were rejected by SAP in this run (50.0 %; more than 10 % stop the load)" in str(brake)
    assert guard.brake(Tally(answered=11, rejected=6)) is None
    assert len(told) == 1
    assert guard.refusal() is not None


class SapThatAnswersLater(Transport):
    """Takes every message and confirms none: each reading is refused when asked for later."""

    name = "later"

    def __init__(self) -> None:
        self.given: set[ReadingId] = set()

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(answer_wait_seconds=5.0)

    def send(self, groups: Sequence[DeviceGroup]) -> list[Outcome]:
        self.given |= {one.id for group in groups for one in group}
        return [Outcome(OutcomeKind.AWAITED)] * len(groups)

    def answers(self, ids: Sequence[ReadingId]) -> dict[ReadingId, Outcome]:
        return {one: Outcome(OutcomeKind.REFUSED, "EL/999") for one in ids}

    def read_back(self, ids: Sequence[ReadingId]) -> dict[ReadingId, SapReading]:
        assert self.given >= set(ids)
        return {}


def test_load_whose_answers_come_later_hears_the_first_ones_before_it_sends_the_rest(ledger: Ledger) -> None:
    transport = SapThatAnswersLater()
    plan = plan_load(ledger, rows(30), first_day=BILLING_DAY, last_day=BILLING_DAY)
    shown = show_plan(ledger, plan.plan_id, BILLING_DAY, BILLING_DAY, {})
    told: list[LoadPausedError] = []
    guard = PlanGuard(Gate(ledger.engine), shown, StopRule(least=2), "test run", told.append)
    result = run_load(ledger, transport, plan, write_enabled=True, batch_size=2, policy=POLICY, guard=guard)
    assert (len(told), len(transport.given), result.sent) == (1, 4, 4)
    assert result.states == {"PLANNED": 56, "REJECTED": 4}
