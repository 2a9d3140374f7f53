"""The ledger itself, driven at random: its states follow the diagram, its history is whole, and SAP gets nothing twice.

The machine plays planner, loader, SAP, clerk and crash on one reading and a real ledger.
"""

from __future__ import annotations

import re
import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from loaders.operational_db import open_engine, upgrade
from loaders.sap_isu.judgement import judge_read_back
from loaders.sap_isu.lease import Lease
from loaders.sap_isu.ledger import Ledger
from loaders.sap_isu.ledger_rows import Change, Row
from loaders.sap_isu.person import Seen, decide
from loaders.sap_isu.readings import PlannedReading, ReadingId, SapReading
from loaders.sap_isu.states import IN_DOUBT, TRANSITIONS, Event, State
from tests.conftest import REPOSITORY
from tests.integration.sap_load_process import BILLING_DAY

ID = ReadingId("000000000000000001", "001", BILLING_DAY, "01")
VALUES = st.sampled_from(["100", "101", "102"])
STATUSES = st.sampled_from(["1", "2", "4", "7"])
ARROW = re.compile(r"^\s+(\w+) --> (\w+):", re.MULTILINE)


def test_written_diagram_has_the_arrows_of_the_code() -> None:
    text = (REPOSITORY / "docs" / "reference" / "load-states.md").read_text(encoding="utf-8")
    drawn = set(ARROW.findall(text))
    coded = {(str(a), str(b)) for a, steps in TRANSITIONS.items() for b in steps.values() if a != b}
    assert drawn == coded


class LedgerOfOneReading(RuleBasedStateMachine):
    """Everything that can happen to a reading, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        engine = open_engine(f"sqlite:///{Path(self.folder.name)}/operations.db")
        upgrade(engine)
        self.ledger = Ledger(engine, actor="machine")
        self.in_sap: SapReading | None = None
        self.commits_while_there = 0
        self.history: list[Row] = []

    def teardown(self) -> None:
        self.ledger.engine.dispose()
        self.folder.cleanup()

    @property
    def row(self) -> Row | None:
        return next(iter(self.ledger.snapshot()), None)

    @property
    def state(self) -> State | None:
        known = self.ledger.known([ID.key]).get(ID.key)
        return known.state if known else None

    @rule(value=VALUES, is_held=st.booleans())
    def plan(self, value: str, is_held: bool) -> None:
        number = Decimal(value)
        self.ledger.plan([PlannedReading(ID, "01", number, number, BILLING_DAY, is_held=is_held)])

    @rule()
    def order_is_gone(self) -> None:
        self.ledger.cancel_missing("another plan", [BILLING_DAY])

    @rule(reaches_sap=st.booleans(), answer=st.sampled_from(["accepted", "lost", "refused", "crash", "not taken"]))
    def send(self, reaches_sap: bool, answer: str) -> None:
        with Lease(self.ledger.engine, ("machine",)) as lease:
            claimed = self.ledger.claim([ID.key], lease)
        if not claimed:
            return
        if reaches_sap and answer not in {"refused", "not taken"}:
            self.commits_while_there += 1 if self.in_sap else 0
            self.in_sap = SapReading(ID, claimed[0].reading_result, "1", "D1")
        events = {"lost": Event.OUTCOME_UNKNOWN, "not taken": Event.NOT_TAKEN, "accepted": Event.ACCEPTED}
        if answer == "refused":
            self._judged(refusal="EL/999")
        elif answer in events:
            self.ledger.apply([Change(ID.key, events[answer])])

    @precondition(lambda self: self.state not in {None, State.PLANNED, State.CANCELLED})
    @rule()
    def read_back(self) -> None:
        self._judged(refusal=None)

    @precondition(lambda self: self.in_sap is not None)
    @rule(status=STATUSES, value=VALUES)
    def clerk_changes_it_in_sap(self, status: str, value: str) -> None:
        self.in_sap = SapReading(ID, Decimal(value), status, "D1")

    @precondition(lambda self: self.in_sap is not None and self.state in {State.CONFIRMED, State.REVERSAL_NEEDED})
    @rule()
    def clerk_deletes_it_in_sap(self) -> None:
        self.in_sap = None

    @precondition(lambda self: self.state in IN_DOUBT | {State.REVERSAL_NEEDED})
    @rule()
    def person_decides(self) -> None:
        seen = self.in_sap and Seen(self.in_sap.reading_result, self.in_sap.status_code, "D1")
        decide(self.ledger, ID.key, seen, "looked")

    def _judged(self, refusal: str | None) -> None:
        known = self.ledger.known([ID.key])[ID.key]
        if known.state not in IN_DOUBT and refusal:
            return
        judged = judge_read_back(known, self.in_sap, refusal=refusal)
        change = Change(
            ID.key, judged.event, judged.message, is_billed=judged.is_billed, takes_wanted=judged.takes_wanted
        )
        self.ledger.apply([change])

    @invariant()
    def sap_was_never_given_what_it_had(self) -> None:
        assert self.commits_while_there == 0

    @invariant()
    def history_only_grows_and_every_step_is_in_the_diagram(self) -> None:
        now = self.ledger.history(ID.key)
        assert now[: len(self.history)] == self.history
        self.history = now
        before: str | None = None
        for step in now:
            assert step["from_state"] == before
            if before is not None:
                assert TRANSITIONS[State(before)][Event(step["event"])] == step["to_state"]
            assert step["at"] is not None
            assert step["actor"]
            before = step["to_state"]
        assert before == self.state

    @invariant()
    def confirmed_is_what_sap_was_last_seen_to_have(self) -> None:
        row = self.row
        if row is not None and row["state"] == "CONFIRMED":
            assert any(step["event"].startswith("FOUND_") for step in self.ledger.history(ID.key))


LedgerOfOneReading.TestCase.settings = settings(max_examples=30, stateful_step_count=15, deadline=None)
TestLedgerOfOneReading = LedgerOfOneReading.TestCase
