"""The values of a load: its limits, its plan, what it came to.

What belongs here: the types that ``loader`` and ``rounds`` share, and their words. What stays out: doing anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from loaders.sap_isu.lease import DEFAULT_SECONDS
from loaders.sap_isu.states import IN_DOUBT, State

Progress = Callable[[int, int, float], None]
"""Called with readings done, readings in all, and readings per second."""

UNFINISHED = frozenset({State.PLANNED, *IN_DOUBT})


@dataclass(frozen=True)
class LoadPolicy:
    """Limits of a load.

    Attributes:
        rounds: how often what SAP turned out not to have is sent.
        settle_seconds: how long SAP may still be at work on a request that got no answer.
        most_failed_batches: batches in a row without any answer after which a round stops.
        longest_pause_seconds: the longest pause after a round, which SAP asks for or its slowness calls for.
        read_back_size: readings asked about at once.
        lease_seconds: how long a lease stands without being renewed.
        lease_wait_seconds: how long to wait for another run on the same day.
    """

    rounds: int = 5
    settle_seconds: float = 10.0
    most_failed_batches: int = 3
    longest_pause_seconds: float = 60.0
    read_back_size: int = 200
    lease_seconds: float = DEFAULT_SECONDS
    lease_wait_seconds: float = 0.0


@dataclass(frozen=True)
class LoadPlan:
    """What is to be loaded, before anything is.

    Attributes:
        billing_days: the days of the window and of every planned reading.
        steps: planned readings by what planning did with them.
        cancelled: waiting readings whose order is gone.
        to_send: readings that wait to be sent.
        held: readings that wait because an exception holds their bill.
        size: readings in the plan.
        problems: rows that cannot be readings, and readings planned twice.
    """

    plan_id: str
    billing_days: tuple[date, ...]
    steps: Mapping[str, int]
    cancelled: int
    to_send: int
    held: int
    size: int
    problems: Sequence[str] = ()


@dataclass(frozen=True)
class LoadResult:
    """What a load came to.

    Attributes:
        states: the plan's readings by state; held ones count as ``HELD``.
        sent: readings that left in this run.
        problems: what went wrong, each told as what, why and what to do.
        is_write_enabled: False when the load was only planned.
    """

    plan: LoadPlan
    states: Mapping[str, int]
    sent: int
    problems: Sequence[str]
    elapsed_seconds: float
    is_write_enabled: bool

    @property
    def is_complete(self) -> bool:
        """Whether nothing of the day is left to be done by the loader."""
        if self.problems:
            return False
        return not self.is_write_enabled or not any(self.states.get(state) for state in UNFINISHED)


def summary(states: Mapping[str, int]) -> str:
    """The states in one line, for a person."""
    return ", ".join(f"{number} {state}" for state, number in sorted(Counter(states).items()) if number)
