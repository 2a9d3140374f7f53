"""Work with another system whose failure does not end the day: how it went is recorded like the read of a source.

What belongs here: the record. What stays out: the work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime

from billsync.settings import ConfigurationError
from loaders.aws.stored_values import changes, renewed
from loaders.errors import LoaderError
from orchestration.outcomes import FAILED, READ, SourceOutcome, outcome_write
from orchestration.snapshots import write_staged
from orchestration.systems import Systems

Facts = dict[str, object]


def recorded(
    systems: Systems, name: str, day: date, act: Callable[[], tuple[Facts, list[str]]]
) -> tuple[Facts, list[str]]:
    """Do a piece of work and record how it went; returns facts, and what keeps the day from being complete."""
    started = datetime.now(UTC)
    before = changes()
    facts, problems = _told(act)
    if problems and renewed(before):
        # A login that was refused has been rotated since it was fetched; what was done is not done twice.
        facts, problems = _told(act)
    outcome = SourceOutcome(
        billing_day=day,
        source_name=name,
        status=FAILED if problems else READ,
        detail="; ".join(problems)[:4000],
        row_count=_count(facts),
        started_at=started,
        finished_at=datetime.now(UTC),
    )
    write_staged(systems, f"{name}-outcome", lambda folder: [outcome_write(outcome, folder)])
    return facts, problems


def _told(act: Callable[[], tuple[Facts, list[str]]]) -> tuple[Facts, list[str]]:
    try:
        return act()
    except (LoaderError, ConfigurationError) as error:
        return {}, [" ".join(str(error).split())]


def _count(facts: Mapping[str, object]) -> int:
    value = facts.get("sent", facts.get("periods", 0))
    return value if isinstance(value, int) else 0
