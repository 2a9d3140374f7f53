"""Whether a load may send: a person's release of its plan, and the brake that a load pulls on itself.

What belongs here: the decisions (released, paused, resumed), kept for good with who, when and why, and what they mean
for a load. What stays out: the plan (``plan_shown``), the sending (``loader``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from loaders.errors import LoaderError, PermanentError
from loaders.operational_db import load_decisions, reading, utc_now
from loaders.sap_isu.exchange import Tally
from loaders.sap_isu.plan_shown import ShownPlan

_TABLE = load_decisions.c
_REASON_LENGTH = 1000
_SHORT_HASH = 12


class Decided(StrEnum):
    """What was decided about loading."""

    RELEASED = "RELEASED"
    PAUSED = "PAUSED"
    RESUMED = "RESUMED"


class NotReleasedError(PermanentError):
    """A plan waits for a person's release."""


class LoadPausedError(PermanentError):
    """Loading is paused until a person resumes it."""


@dataclass(frozen=True)
class Decision:
    """One decision; ``plan_hash`` of a release, ``billing_day`` where it was about one."""

    at: datetime
    actor: str
    decision: Decided
    reason: str
    plan_hash: str | None = None
    billing_day: date | None = None


@dataclass(frozen=True)
class StopRule:
    """When a load pauses itself: a share that is exceeded, and a least number so that a few cannot stop a day.

    Attributes:
        least: rejected readings, or differing bills, below which nothing stops.
        rejected_share: of the readings that SAP has answered in this run.
        differing_share: of the bills that could be compared with SAP's.
    """

    least: int = 20
    rejected_share: Decimal = Decimal("0.10")
    differing_share: Decimal = Decimal("0.25")

    def too_many_rejected(self, rejected: int, answered: int) -> str | None:
        """Why to stop, or None."""
        return self._too_many(rejected, answered, self.rejected_share, "readings were rejected by SAP in this run")

    def too_many_differ(self, differing: int, compared: int) -> str | None:
        """Why to stop, or None."""
        return self._too_many(differing, compared, self.differing_share, "compared bills have another total in SAP")

    def _too_many(self, number: int, of: int, share: Decimal, what: str) -> str | None:
        if number < self.least or number <= share * of:
            return None
        percent = (Decimal(100) * number / of).quantize(Decimal("0.1"))
        return f"{number} of {of} {what} ({percent} %; more than {(100 * share).normalize():f} % stop the load)"


class Gate:
    """The decisions of one operational database.

    Args:
        engine: the operational database, already upgraded.
        needs_release: whether a plan waits for a person's release.
    """

    def __init__(self, engine: Engine, *, needs_release: bool = False) -> None:
        self.engine = engine
        self.needs_release = needs_release

    def refusal(self, plan: ShownPlan) -> NotReleasedError | LoadPausedError | None:
        """Why this plan may not be sent now; None when it may."""
        pause = self.pause()
        if pause is not None:
            return paused_error(pause)
        if self.needs_release and self.release_of(plan.plan_hash) is None:
            return _not_released(plan)
        return None

    def release(self, plan: ShownPlan, *, actor: str, reason: str) -> Decision:
        """Release exactly this plan; releasing it again keeps the first release."""
        earlier = self.release_of(plan.plan_hash)
        return earlier or self._note(
            Decided.RELEASED, actor, reason, plan_hash=plan.plan_hash, billing_day=date.fromisoformat(plan.last_day)
        )

    def release_of(self, plan_hash: str) -> Decision | None:
        """Who released this plan, when and why."""
        return self._last(_TABLE.plan_hash == plan_hash, _TABLE.decision == Decided.RELEASED)

    def pause(self) -> Decision | None:
        """The pause that stands, or None."""
        last = self._last(_TABLE.decision.in_([Decided.PAUSED, Decided.RESUMED]))
        return last if last and last.decision == Decided.PAUSED else None

    def stop(self, reason: str, *, actor: str, billing_day: date | None = None, cause: str | None = None) -> Decision:
        """Pause all loading; a pause that stands is kept.

        Args:
            reason: why, for people.
            actor: who pauses.
            billing_day: the day that was run.
            cause: a hash of what it was about; see ``was_stopped_by``.
        """
        return self.pause() or self._note(Decided.PAUSED, actor, reason, plan_hash=cause, billing_day=billing_day)

    def was_stopped_by(self, cause: str) -> bool:
        """Whether the last pause was about just this: a person who resumed has seen it."""
        last = self._last(_TABLE.decision == Decided.PAUSED)
        return last is not None and last.plan_hash == cause

    def resume(self, *, actor: str, reason: str) -> Decision | None:
        """End the pause; None when there was none."""
        return self._note(Decided.RESUMED, actor, reason) if self.pause() else None

    def decisions(self, limit: int = 50) -> list[Decision]:
        """The newest decisions, newest first."""
        with reading(self.engine) as connection:
            rows = connection.execute(sa.select(load_decisions).order_by(_TABLE.number.desc()).limit(limit)).mappings()
            return [_decision(dict(row)) for row in rows]

    def _last(self, *conditions: sa.ColumnElement[bool]) -> Decision | None:
        query = sa.select(load_decisions).where(*conditions).order_by(_TABLE.number.desc()).limit(1)
        with reading(self.engine) as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else _decision(dict(row))

    def _note(
        self,
        decision: Decided,
        actor: str,
        reason: str,
        *,
        plan_hash: str | None = None,
        billing_day: date | None = None,
    ) -> Decision:
        with self.engine.begin() as connection:
            noted = Decision(
                utc_now(connection), actor[:200], decision, reason[:_REASON_LENGTH], plan_hash, billing_day
            )
            connection.execute(sa.insert(load_decisions).values(**vars(noted)))
        return noted


@dataclass(frozen=True)
class PlanGuard:
    """The gate before one plan; what ``loader.run_load`` asks.

    Attributes:
        actor: who pauses, where the load does it itself.
        tell: called with the reason when the load has paused itself, to alert people.
    """

    gate: Gate
    plan: ShownPlan
    rule: StopRule
    actor: str
    tell: Callable[[LoadPausedError], None]

    def refusal(self) -> LoaderError | None:
        """Why nothing may be sent now; None when it may."""
        return self.gate.refusal(self.plan)

    def brake(self, tally: Tally) -> LoaderError | None:
        """Why nothing more is sent after SAP has answered like this: pauses all loading; None to go on."""
        reason = self.rule.too_many_rejected(tally.rejected, tally.answered)
        if reason is None or self.gate.pause() is not None:
            return None
        error = paused_error(
            self.gate.stop(reason, actor=self.actor, billing_day=date.fromisoformat(self.plan.last_day))
        )
        self.tell(error)
        return error


def short(plan_hash: str) -> str:
    """The beginning of a hash, enough to name it."""
    return plan_hash[:_SHORT_HASH]


def paused_error(pause: Decision) -> LoadPausedError:
    """What a pause means for whoever wants to load."""
    return LoadPausedError(
        "Loading readings into SAP",
        f"the load is paused since {pause.at:%Y-%m-%d %H:%M}Z by {pause.actor}: {pause.reason}",
        "Find the cause first (billsync exceptions list --rule SAP_REJECTED); then billsync sap resume --reason … "
        "and run the day again.",
    )


def _not_released(plan: ShownPlan) -> NotReleasedError:
    return NotReleasedError(
        "Loading readings into SAP",
        f"plan {short(plan.plan_hash)} waits for a person's release: {plan.waits} readings of {plan.bills} bills, "
        f"{plan.amount_inc_gst_aud} AUD including GST",
        f"Look at it and release it: billsync approve --day {plan.last_day} (or the job release_sap_load in Dagster), "
        "then run the day again.",
    )


def _decision(row: Mapping[str, Any]) -> Decision:
    return Decision(
        row["at"], row["actor"], Decided(row["decision"]), row["reason"], row["plan_hash"], row["billing_day"]
    )
