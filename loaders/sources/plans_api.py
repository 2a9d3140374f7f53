"""The plan register (Consumer Data Right): every distinct answer for a plan in use is kept as a version.

What belongs here: fetching the plans that contracts refer to, and telling a new version from a known one.
What stays out: the shape of a plan (``plan_flattening.py``) and which version prices a day (dbt).

The details of every plan in use are fetched each time, not only of those whose ``lastUpdated`` moved: a price can
change without it, and that must be found.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from urllib.parse import quote

from loaders.errors import LoaderError, TransientError
from loaders.http import HttpSession
from loaders.sources.exact_json import MalformedError
from loaders.sources.extract import Extract
from loaders.sources.plan_flattening import FlatPlan, flatten_plan
from loaders.warehouse.base import RawWrite
from loaders.warehouse.parquet import ParquetRowWriter
from loaders.warehouse.schema import PLAN_TABLES

_HEADERS = {"x-v": "3", "x-min-v": "1", "Accept": "application/json"}
_CONCURRENCY = 4
_NOT_FOUND = frozenset({404, 410})
_GIVE_UP_AFTER = 3
"""Plans in a row that could not be reached before the register counts as down."""
_PREVIEW_PLANS = 5


@dataclass
class _Outcome:
    """What came of each plan."""

    new: list[FlatPlan] = field(default_factory=list)
    unchanged: int = 0
    unknown: list[str] = field(default_factory=list)
    failed: dict[str, LoaderError] = field(default_factory=dict)

    def detail(self) -> dict[str, object]:
        """Return the facts a person wants to see."""
        return {
            "new_versions": len(self.new),
            "unchanged": self.unchanged,
            "unknown_plans": self.unknown,
            "failed_plans": sorted(self.failed),
        }


def extract_plans_api(
    session: HttpSession,
    base_url: str,
    plan_ids: Collection[str],
    day: date,
    staging: Path,
    *,
    known_versions: Collection[str] = (),
) -> Extract:
    """Fetch the plans in use and stage the versions that are new.

    Args:
        session: HTTP session.
        base_url: base of the register, ending in ``/cds-au/v1``.
        plan_ids: plans that contracts refer to.
        day: billing day of the run.
        staging: folder for the staged Parquet files, one per run.
        known_versions: version hashes that the raw layer has.

    Returns:
        An extract that only adds. A plan that the register does not know is listed in the detail; one whose answer
        cannot be understood is a failure of that plan alone.

    Raises:
        TransientError: the register cannot be reached.
        PermanentError: it refuses every request.
    """
    outcome = _Outcome()
    known = set(known_versions)
    for plan_id, answer in _Fetcher(session, base_url).fetch_all(sorted(set(plan_ids))):
        _judge(plan_id, answer, day, known, outcome)
    if outcome.failed and not (outcome.new or outcome.unchanged or outcome.unknown):
        raise next(iter(outcome.failed.values()))
    writes, counts = _stage(outcome.new, staging)
    return Extract(
        source_name="plans_api",
        writes=writes,
        row_counts=counts,
        preview=[_preview(plan) for plan in outcome.new[:_PREVIEW_PLANS]],
        detail={"plans": len(set(plan_ids)), **outcome.detail()},
        failures=[f"plan {plan_id}: {error}" for plan_id, error in outcome.failed.items()],
    )


class _Fetcher:
    """Fetches plans a few at a time, and stops asking when the register is down."""

    def __init__(self, session: HttpSession, base_url: str) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._misses = 0
        self._down: TransientError | None = None

    def fetch_all(self, plan_ids: Sequence[str]) -> Iterator[tuple[str, bytes | LoaderError | None]]:
        """Yield each plan with its answer; None when the register does not know it.

        Raises:
            TransientError: the register is down.
        """
        # The first one alone: when nothing answers, one try finds it out.
        for plan_id in plan_ids[:1]:
            answer = self._fetch(plan_id)
            if isinstance(answer, TransientError):
                raise answer
            yield plan_id, answer
        with ThreadPoolExecutor(_CONCURRENCY, thread_name_prefix="plans") as pool:
            yield from zip(plan_ids[1:], pool.map(self._fetch, plan_ids[1:]), strict=True)
        if self._down is not None:
            raise self._down

    def _fetch(self, plan_id: str) -> bytes | LoaderError | None:
        if self._down is not None:
            return self._down
        try:
            answer = self._session.request(
                "GET",
                f"{self._base_url}/energy/plans/{quote(plan_id, safe='')}",
                headers=_HEADERS,
                accept_statuses=_NOT_FOUND,
            )
        except TransientError as error:
            self._misses += 1
            if self._misses >= _GIVE_UP_AFTER:
                self._down = error
            return error
        except LoaderError as error:
            return error
        self._misses = 0
        return None if answer.status in _NOT_FOUND else answer.body


def _judge(plan_id: str, answer: bytes | LoaderError | None, day: date, known: set[str], outcome: _Outcome) -> None:
    """Sort a plan's answer into new, unchanged, unknown or failed."""
    if answer is None:
        outcome.unknown.append(plan_id)
        return
    if isinstance(answer, LoaderError):
        outcome.failed[plan_id] = answer
        return
    try:
        plan = flatten_plan(answer, plan_id, day)
    except MalformedError as error:
        outcome.failed[plan_id] = error
        return
    if plan.version_hash in known:
        outcome.unchanged += 1
    else:
        known.add(plan.version_hash)
        outcome.new.append(plan)


def _stage(plans: Sequence[FlatPlan], staging: Path) -> tuple[list[RawWrite], dict[str, int]]:
    """Write the rows of new versions; nothing of other versions is replaced."""
    if not plans:
        return [], {}
    scope = {"version_hash": [plan.version_hash for plan in plans]}
    writes: list[RawWrite] = []
    counts: dict[str, int] = {}
    for table in PLAN_TABLES:
        with ParquetRowWriter(table.name, staging) as writer:
            for plan in plans:
                writer.extend(plan.rows.get(table.name, ()))
            writes.append(RawWrite(table.name, scope, writer.close()))
            counts[table.name] = writer.row_count
    return writes, counts


def _preview(plan: FlatPlan) -> Mapping[str, str | None]:
    """Show a new version without its content."""
    columns = ("first_seen", "effective_from", "last_updated", "customer_type", "pricing_model", "time_zone")
    values = plan.rows["plan_versions"][0][2:]
    shown = {name: None if value is None else str(value) for name, value in zip(columns, values, strict=False)}
    return {"plan_id": plan.plan_id, "version_hash": plan.version_hash, **shown}
