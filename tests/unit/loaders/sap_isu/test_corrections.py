"""A value that changes after SAP has it: sent where the transport can correct, else, or once billed, for a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pytest

from loaders.errors import TransientError
from loaders.sap_isu.ledger import Ledger
from loaders.sap_isu.loader import plan_load, run_load
from loaders.sap_isu.loads import LoadResult
from loaders.sap_isu.person import NothingToDecideError, Seen, decide
from loaders.sap_isu.readings import ReadingId, SapReading
from loaders.sap_isu.transport import Capabilities, DeviceGroup, Outcome, OutcomeKind
from tests.integration.sap_load_process import BILLING_DAY, POLICY, open_ledger, rows


@dataclass
class Sap:
    """An SAP that keeps what it is given and can be told to refuse corrections."""

    can_correct: bool = True
    can_read_back: bool = True
    refuses: bool = False
    cuts: bool = False
    stored: dict[ReadingId, SapReading] = field(default_factory=dict)
    corrected: list[ReadingId] = field(default_factory=list)
    name: str = "pretend"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(can_correct=self.can_correct, can_read_back=self.can_read_back)

    def send(self, groups: Sequence[DeviceGroup]) -> list[Outcome]:
        for one in (one for group in groups for one in group):
            assert one.id not in self.stored
            self.stored[one.id] = SapReading(one.id, one.reading_result, "1", "D1")
        return [Outcome(OutcomeKind.ACCEPTED)] * len(groups)

    def correct(self, groups: Sequence[DeviceGroup]) -> list[Outcome]:
        for one in (one for group in groups for one in group):
            self.corrected.append(one.id)
            if not self.refuses:
                self.stored[one.id] = SapReading(one.id, one.reading_result, "1", "D1")
        if self.cuts:
            raise TransientError("correct", "the connection was cut", outcome_unknown=True)
        kind = OutcomeKind.REFUSED if self.refuses else OutcomeKind.ACCEPTED
        return [Outcome(kind, "EL/911: locked by a clerk" if self.refuses else "")] * len(groups)

    def read_back(self, ids: Sequence[ReadingId]) -> dict[ReadingId, SapReading]:
        return {one: self.stored[one] for one in ids if one in self.stored}

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path}/operations.db")


def load(ledger: Ledger, sap: Sap, value: str, **more: object) -> LoadResult:
    planned = [{**row, **more} for row in rows(1, value)]
    plan = plan_load(ledger, planned, first_day=BILLING_DAY, last_day=BILLING_DAY)
    return run_load(ledger, sap, plan, write_enabled=True, policy=POLICY)  # type: ignore[arg-type]


def values(sap: Sap) -> set[str]:
    return {str(one.reading_result) for one in sap.stored.values()}


def test_correction_where_the_transport_can_is_sent_and_read_back(ledger: Ledger) -> None:
    sap = Sap()
    load(ledger, sap, "1100.4")
    result = load(ledger, sap, "1105.5")
    assert (result.sent, result.states, result.problems) == (2, {"CONFIRMED": 2}, [])
    assert values(sap) == {"1105.5"}
    [row, _] = ledger.snapshot()
    assert (row["reading_result"], row["attempt_count"]) == ("1105.5", 2)
    events = [step["event"] for step in ledger.history(str(row["reading_key"]))]
    assert events[-3:] == ["VALUE_CHANGED", "CORRECTION_SENT", "FOUND_BILLABLE"]


def test_correction_where_the_transport_cannot_is_for_a_person(ledger: Ledger) -> None:
    sap = Sap(can_correct=False)
    load(ledger, sap, "1100.4")
    result = load(ledger, sap, "1105.5")
    assert (result.sent, result.states) == (0, {"REVERSAL_NEEDED": 2})
    assert all("Correct the reading in SAP (EL29)" in str(row["message"]) for row in ledger.snapshot())


@pytest.mark.parametrize("status", ["7", "*"])
def test_correction_of_what_is_billed_is_never_sent(ledger: Ledger, status: str) -> None:
    sap = Sap()
    load(ledger, sap, "1100.4")
    sap.stored = {one: SapReading(one, Decimal("1100.4"), status, "D1") for one in sap.stored}
    result = load(ledger, sap, "1105.5")
    assert (sap.corrected, result.states) == ([], {"REVERSAL_NEEDED": 2})
    assert all("reversal needed" in str(row["message"]) for row in ledger.snapshot())


def test_correction_refused_says_so_and_stays_for_a_person(ledger: Ledger) -> None:
    sap = Sap()
    load(ledger, sap, "1100.4")
    sap.refuses = True
    result = load(ledger, sap, "1105.5")
    assert (len(sap.corrected), result.states) == (2, {"REVERSAL_NEEDED": 2})
    assert all("EL/911: locked by a clerk; correction needed" in str(row["message"]) for row in ledger.snapshot())


def test_correction_cut_off_is_settled_by_the_next_run_without_sending_again(ledger: Ledger) -> None:
    sap = Sap()
    load(ledger, sap, "1100.4")
    sap.cuts = True
    assert "the connection was cut" in load(ledger, sap, "1105.5").problems[0]
    sap.cuts = False
    result = load(ledger, sap, "1105.5")
    assert (result.sent, len(sap.corrected), result.states) == (0, 2, {"CONFIRMED": 2})


@pytest.mark.parametrize(("reached_sap", "sent_again"), [(True, 2), (False, 0)])
def test_correction_without_an_answer_then_the_old_value_again_ends_with_the_old_value_in_sap(
    ledger: Ledger, reached_sap: bool, sent_again: int
) -> None:
    sap = Sap()
    load(ledger, sap, "1100.4")
    sap.cuts, sap.refuses = True, not reached_sap
    load(ledger, sap, "1105.5")
    sap.cuts, sap.refuses = False, False
    result = load(ledger, sap, "1100.4")
    assert (result.sent, result.states) == (sent_again, {"CONFIRMED": 2})
    assert values(sap) == {"1100.4"}
    assert {row["reading_result"] for row in ledger.snapshot()} == {"1100.4"}


def test_correction_of_a_held_bill_waits_for_its_release(ledger: Ledger) -> None:
    sap = Sap()
    load(ledger, sap, "1100.4")
    load(ledger, sap, "1105.5", is_held=1, hold_reason="looks odd")
    assert (sap.corrected, values(sap)) == ([], {"1100.4"})
    load(ledger, sap, "1105.5")
    assert values(sap) == {"1105.5"}


def test_correction_without_read_back_waits_for_a_persons_word(ledger: Ledger) -> None:
    sap = Sap()
    load(ledger, sap, "1100.4")
    sap.can_read_back = False
    assert load(ledger, sap, "1105.5").states == {"REVERSAL_NEEDED": 2}
    for row in list(ledger.snapshot()):
        decide(ledger, str(row["reading_key"]), Seen(Decimal("1105.5"), "1"), "seen in EL31")
    assert {(row["state"], row["reading_result"]) for row in ledger.snapshot()} == {("CONFIRMED", "1105.5")}


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (Seen(Decimal("1100.40"), "1", "D7"), "CONFIRMED"),
        (Seen(Decimal("1100.4"), "2"), "LOCKED"),
        (Seen(Decimal("1099"), "1"), "REJECTED"),
        (None, "PLANNED"),
    ],
)
def test_unknown_without_read_back_stays_until_a_person_decides(ledger: Ledger, seen: Seen | None, state: str) -> None:
    sap = Sap(can_read_back=False)
    result = load(ledger, sap, "1100.4")
    again = load(ledger, sap, "1100.4")
    assert (result.states, again.states, again.sent) == ({"UNKNOWN": 2}, {"UNKNOWN": 2}, 0)
    [first, _] = list(ledger.snapshot())
    key = str(first["reading_key"])
    person = Ledger(ledger.engine, actor="ann")
    assert decide(person, key, seen, "EL31")["state"] == state
    last = ledger.history(key)[-1]
    assert (last["actor"], last["to_state"]) == ("ann", state)
    assert "said by ann: EL31" in last["message"]
    if state != "PLANNED":
        with pytest.raises(NothingToDecideError):
            decide(person, key, None, "again")
