"""Whatever SAP and the wire do, in any order: each reading is in SAP at most once and the ledger ends equal to SAP."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from loaders.errors import PermanentError, TransientError
from loaders.operational_db import open_engine, upgrade
from loaders.sap_isu.ledger import Ledger
from loaders.sap_isu.loader import plan_load, run_load
from loaders.sap_isu.loads import LoadPolicy
from loaders.sap_isu.readings import ReadingId, SapReading
from loaders.sap_isu.transport import Capabilities, DeviceGroup, Outcome, OutcomeKind, Transport

DAY = date(2026, 3, 5)
POLICY = LoadPolicy(settle_seconds=0.0, longest_pause_seconds=0.0)
FAULTS = st.sampled_from(
    [
        "fine",
        "fine",
        "lost before",
        "lost after",
        "refused",
        "refused after all",
        "turned away",
        "logon fails",
        "crash",
        "accepted in vain",
    ]
)
NOTHING_DONE = {
    "turned away": OutcomeKind.NOT_TAKEN,
    "lost before": OutcomeKind.UNKNOWN,
    "refused": OutcomeKind.REFUSED,
}
READS = st.sampled_from(["fine", "fine", "fine", "fails"])


class Crash(BaseException):
    """The process ends here, as by SIGKILL: nothing after it runs."""


@dataclass
class PretendSap(Transport):
    """Keeps readings and answers as it is told; what it is given twice is committed twice, since SAP has no key."""

    faults: list[str]
    reads: list[str]
    store: dict[ReadingId, SapReading] = field(default_factory=dict)
    commits: list[ReadingId] = field(default_factory=list)
    can_correct: bool = False
    name: str = "pretend"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(stores_groups_whole=True, can_correct=self.can_correct)

    def send(self, groups: Sequence[DeviceGroup]) -> list[Outcome]:
        return self._answer(groups, self._create)

    def correct(self, groups: Sequence[DeviceGroup]) -> list[Outcome]:
        return self._answer(groups, self._change)

    def _answer(self, groups: Sequence[DeviceGroup], act: Callable[[DeviceGroup], Outcome]) -> list[Outcome]:
        fault = self.faults.pop() if self.faults else "fine"
        if fault == "logon fails":
            raise PermanentError("logon", "wrong password", "correct it", status=401)
        if fault in NOTHING_DONE:
            return [Outcome(NOTHING_DONE[fault], fault)] * len(groups)
        if fault == "accepted in vain":
            return [Outcome(OutcomeKind.ACCEPTED, "", {one.id: "V1" for one in group}) for group in groups]
        outcomes = [act(group) for group in groups]
        if fault == "crash":
            raise Crash
        if fault == "lost after":
            return [Outcome(OutcomeKind.UNKNOWN, fault)] * len(groups)
        if fault == "refused after all":
            return [Outcome(OutcomeKind.REFUSED, fault)] * len(groups)
        return outcomes

    def read_back(self, ids: Sequence[ReadingId]) -> dict[ReadingId, SapReading]:
        if self.reads and self.reads.pop() == "fails":
            raise TransientError("read", "no answer")
        return {one: self.store[one] for one in ids if one in self.store}

    def _change(self, group: DeviceGroup) -> Outcome:
        for one in group:
            self.store[one.id] = replace(self.store[one.id], reading_result=one.reading_result)
        return Outcome(OutcomeKind.ACCEPTED)

    def _create(self, group: DeviceGroup) -> Outcome:
        for one in group:
            self.store[one.id] = SapReading(one.id, one.reading_result, "1", f"D{len(self.commits)}")
            self.commits.append(one.id)
        return Outcome(OutcomeKind.ACCEPTED, "", {one.id: self.store[one.id].document_id for one in group})


def rows(values: Sequence[int]) -> list[dict[str, object]]:
    return [
        {
            "billing_day": DAY, "device_id": f"D{number // 2}", "register_id": f"00{number % 2 + 1}",
            "meter_reading_reason": "01", "meter_reading_category": "01", "reading_date": DAY,
            "reading_result": Decimal(value), "unrounded_reading": Decimal(value),
        }
        for number, value in enumerate(values)
    ]  # fmt: skip


def load(ledger: Ledger, sap: PretendSap, values: Sequence[int]) -> None:
    plan = plan_load(ledger, rows(values), first_day=DAY, last_day=DAY)
    run_load(ledger, sap, plan, write_enabled=True, concurrency=1, batch_size=1, policy=POLICY)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    days=st.lists(
        st.tuples(
            st.lists(st.integers(1, 3), min_size=4, max_size=4),
            st.lists(FAULTS, max_size=6),
            st.lists(READS, max_size=6),
        ),
        min_size=1,
        max_size=4,
    ),
    can_correct=st.booleans(),
)
@example(days=[([1, 1, 1, 1], ["accepted in vain"], [])], can_correct=False)
@example(days=[([1, 1, 1, 1], ["lost after"], [])], can_correct=False)
@example(days=[([1, 1, 1, 1], ["refused after all"], ["fails"])], can_correct=False)
@example(days=[([1, 1, 1, 1], ["crash"], []), ([2, 1, 1, 1], [], ["fails"])], can_correct=True)
def test_load_any_faults_and_changes_leave_each_reading_at_most_once(
    days: list[tuple[list[int], list[str], list[str]]], can_correct: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine = open_engine(f"sqlite:///{Path(folder)}/operations.db")
        upgrade(engine)
        ledger = Ledger(engine, actor="test")
        sap = PretendSap([], [], can_correct=can_correct)
        for values, faults, reads in days:
            sap = replace(sap, faults=list(faults), reads=list(reads))
            try:
                load(ledger, sap, values)
            except Crash:
                continue
        last_values = days[-1][0]
        for _ in range(2):
            load(ledger, sap := replace(sap, faults=[], reads=[]), last_values)
        assert len(sap.commits) == len(set(sap.commits))
        stored = {one.key: str(found.reading_result) for one, found in sap.store.items()}
        for row, wanted in zip(ledger.snapshot(), last_values, strict=True):
            in_sap = stored.pop(str(row["reading_key"]), None)
            if in_sap is None:
                # SAP named a document that it does not show: a person looks before it is sent again.
                assert row["state"] == "UNKNOWN"
                continue
            expected = {"CONFIRMED"} if in_sap == str(wanted) else {"REVERSAL_NEEDED", "REJECTED"}
            if can_correct:
                # A reading that was found with another value than the one sent is nobody's to correct but a person's.
                expected -= {"REVERSAL_NEEDED"}
            assert row["state"] in expected
            assert row["state"] == "REJECTED" or row["reading_result"] == in_sap
        assert stored == {}
        engine.dispose()
