"""The state diagram of the load: whatever happens, no reading that SAP has is ever sent again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from loaders.sap_isu.states import (
    HELD_BY_SAP,
    IN_DOUBT,
    TRANSITIONS,
    Event,
    IllegalTransitionError,
    State,
    can_take,
    next_state,
)


def test_diagram_names_every_state() -> None:
    assert set(TRANSITIONS) == set(State)


def test_diagram_sends_from_planned_only() -> None:
    assert [state for state in State if can_take(state, Event.SEND)] == [State.PLANNED]


def test_diagram_reaches_every_state_from_planned() -> None:
    reached, frontier = {State.PLANNED}, [State.PLANNED]
    while frontier:
        new = set(TRANSITIONS[frontier.pop()].values()) - reached
        reached |= new
        frontier.extend(new)
    assert reached == set(State)


def test_diagram_becomes_confirmed_by_reading_back_only() -> None:
    events = {event for steps in TRANSITIONS.values() for event, to in steps.items() if to == State.CONFIRMED}
    assert events == {Event.FOUND_BILLABLE, Event.FOUND_BILLED}


@given(st.sampled_from(State), st.sampled_from(Event))
def test_next_state_any_pair_is_in_the_diagram_or_refused(state: State, event: Event) -> None:
    if can_take(state, event):
        assert next_state(state, event) == TRANSITIONS[state][event]
    else:
        with pytest.raises(IllegalTransitionError):
            next_state(state, event)


@given(st.lists(st.sampled_from(Event), max_size=40))
def test_next_state_any_walk_never_sends_what_sap_has(events: list[Event]) -> None:
    state, is_in_sap = State.PLANNED, False
    for event in events:
        if not can_take(state, event):
            continue
        assert not (event == Event.SEND and is_in_sap)
        if event in {Event.FOUND_BILLABLE, Event.FOUND_BILLED, Event.FOUND_LOCKED}:
            is_in_sap = True
        elif event in {Event.NOT_FOUND, Event.FOUND_DIFFERENT}:
            is_in_sap = state in HELD_BY_SAP and event == Event.FOUND_DIFFERENT
        state = next_state(state, event)
        assert not is_in_sap or state in HELD_BY_SAP


class OneReading(RuleBasedStateMachine):
    """A reading between a ledger and an SAP that may commit or not, while answers get lost."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State.PLANNED
        self.commits = 0

    @precondition(lambda self: can_take(self.state, Event.SEND))
    @rule(reaches_sap=st.booleans(), answer_arrives=st.booleans())
    def send(self, reaches_sap: bool, answer_arrives: bool) -> None:
        self.state = next_state(self.state, Event.SEND)
        self.commits += int(reaches_sap)
        if not answer_arrives:
            self.state = next_state(self.state, Event.OUTCOME_UNKNOWN)

    @precondition(lambda self: self.state in IN_DOUBT)
    @rule(status=st.sampled_from([Event.FOUND_BILLABLE, Event.FOUND_LOCKED, Event.FOUND_BILLED]))
    def read_back(self, status: Event) -> None:
        self.state = next_state(self.state, status if self.commits else Event.NOT_FOUND)

    @precondition(lambda self: self.state in IN_DOUBT and not self.commits)
    @rule(event=st.sampled_from([Event.REFUSED, Event.REFUSED_WITHOUT_ORDER, Event.NOT_TAKEN]))
    def refuse(self, event: Event) -> None:
        if can_take(self.state, event):
            self.state = next_state(self.state, event)

    @rule(event=st.sampled_from([Event.PLAN, Event.VALUE_CHANGED, Event.ORDER_GONE]))
    def plan_changes(self, event: Event) -> None:
        if can_take(self.state, event):
            self.state = next_state(self.state, event)

    @invariant()
    def sap_has_it_at_most_once(self) -> None:
        assert self.commits <= 1


TestOneReading = OneReading.TestCase
