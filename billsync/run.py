"""Running billing days: one Dagster run in this process, kept in Dagster's own storage so that its page shows it.

What belongs here: starting the run, following it, and telling whether the days are complete. What stays out: what the
day consists of (``orchestration``), and words on the screen (``cli.py``).
"""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

from billsync.progress import Progress
from billsync.settings import Settings, load_settings
from orchestration.assets.load import PROGRESS_PREFIX
from orchestration.build import build_defs
from orchestration.dbt_runner import dbt_target, project_fingerprint
from orchestration.outcomes import SourceOutcome, failed_sources, remarked_sources
from orchestration.partitions import RANGE_END_TAG, RANGE_START_TAG
from orchestration.systems import Systems, systems_resource_for

if TYPE_CHECKING:
    from loaders.warehouse import Warehouse

LOCATION: Final = "billsync"
_OWN_FAILURE: Final = re.compile(r"^(?:loaders|billsync|orchestration|checks)\.[\w.]+: ")
TELLING: Final = {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.ASSET_CHECK_EVALUATION}
DAGSTER_YAML: Final = """\
# Written by billsync; edit the copy in your own DAGSTER_HOME for production.
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  pools:
    # DuckDB has one writer: runs that touch it queue up behind each other.
    default_limit: 1
    granularity: run
event_log_storage:
  module: orchestration.event_storage
  class: SteadySqliteEventLogStorage
  config:
    base_dir: {history}
compute_logs:
  # Step output goes to the event log and $BILLSYNC_HOME/logs; capturing it twice costs a process per step.
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


@dataclass(frozen=True)
class DayOutcome:
    """How a run of one or several billing days ended.

    Attributes:
        first_day: first billing day.
        last_day: last billing day.
        run_id: the run in Dagster.
        failures: what keeps the days from being complete, one line each; empty when they are.
        seconds_by_step: how long each step took.
        remarks: single items that a source could not give, such as one plan; what needs them waits in the queue.
    """

    first_day: date
    last_day: date
    run_id: str
    failures: tuple[str, ...] = ()
    seconds_by_step: Mapping[str, float] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to do for the days."""
        return not self.failures


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Dagster's storage under ``BILLSYNC_HOME``, made at first use."""
    write_dagster_yaml(settings.dagster_home)
    return dg.DagsterInstance.from_config(str(settings.dagster_home))


def write_dagster_yaml(folder: Path) -> None:
    """Write Dagster's configuration where there is none; a person's own edits stay."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "dagster.yaml"
    if not path.exists():
        # JSON is YAML, and quotes what a path may hold.
        history = json.dumps(str(folder / "history" / "runs"))
        path.write_text(DAGSTER_YAML.format(history=history), encoding="utf-8")


def run_days(
    environ: Mapping[str, str], first: date, last: date, progress: Progress, *, job_name: str = "billing_day"
) -> DayOutcome:
    """Run billing days as one Dagster run in this process.

    Args:
        environ: the configuration's variables.
        first: first billing day.
        last: last billing day.
        progress: where steps are shown.
        job_name: the job.
    """
    settings = load_settings(environ)
    log_to_file(settings.logs)
    job = _job(settings, environ, job_name)
    follower = _Follower(progress)
    run_id = str(uuid.uuid4())
    with open_instance(settings) as instance:
        instance.add_event_listener(run_id, follower.follow)
        result = job.execute_in_process(
            instance=instance,
            run_id=run_id,
            raise_on_error=False,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            **_window(first, last),
        )
    failures = [*follower.failures, *source_failures(Systems(environ), first, last)]
    if not result.success and not failures:
        failures.append(f"the run {run_id} failed before its first step; see {settings.logs}")
    remarks = source_remarks(Systems(environ), first, last)
    return DayOutcome(first, last, run_id, tuple(failures), follower.seconds, tuple(remarks))


_jobs: dict[tuple[object, ...], dg.JobDefinition] = {}


def _job(settings: Settings, environ: Mapping[str, str], name: str) -> dg.JobDefinition:
    """A job of the definitions, built once per process as long as configuration and dbt project stay as they are."""
    key = (name, project_fingerprint(dbt_target(settings)), tuple(sorted(environ.items())))
    if key not in _jobs:
        definitions = build_defs(settings, resource_overrides={"systems": systems_resource_for(environ)})
        _jobs[key] = definitions.resolve_job_def(name)
    return _jobs[key]


def _window(first: date, last: date) -> dict[str, Any]:
    tags = {".dagster/repository": f"__repository__@{LOCATION}"}
    if first == last:
        return {"partition_key": first.isoformat(), "tags": tags}
    return {"tags": {**tags, RANGE_START_TAG: first.isoformat(), RANGE_END_TAG: last.isoformat()}}


def source_failures(systems: Systems, first: date, last: date) -> list[str]:
    """Sources that could not be read: the day went on without them and is not complete."""
    return _sources_told(failed_sources, systems, first, last)


def source_remarks(systems: Systems, first: date, last: date) -> list[str]:
    """What single items of sources could not be read: the day is complete, the items wait in the queue."""
    return _sources_told(remarked_sources, systems, first, last)


def _sources_told(
    ask: Callable[[Warehouse, date, date], list[SourceOutcome]], systems: Systems, first: date, last: date
) -> list[str]:
    from loaders.errors import LoaderError  # noqa: PLC0415 - loaded when used

    try:
        outcomes = ask(systems.warehouse, first, last)
    except LoaderError:
        # A run that stopped before its first source left no table to ask; its failure says why.
        return []
    return [f"{one.source_name} ({one.billing_day}): {one.detail}" for one in outcomes]


class _Follower:
    """Listens to a run's events: shows steps, and keeps why a step failed."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.seconds: dict[str, float] = {}
        self._telling: list[dg.DagsterEvent] = []
        self._not_begun: list[str] = []

    @property
    def failures(self) -> list[str]:
        """What failed, one line each."""
        return told_failures(self._telling) or self._not_begun

    def follow(self, entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event is None:
            if entry.user_message.startswith(PROGRESS_PREFIX):
                self._progress.say(f"  {entry.user_message}")
            return
        step = event.step_key or ""
        if event.is_step_start:
            self._progress.start(step)
        elif event.is_step_success:
            self.seconds[step] = round(event.step_success_data.duration_ms / 1000, 3)
            self._progress.end(step)
        elif event.is_step_failure:
            self._progress.end(step, "FAILED")
        elif event.event_type == dg.DagsterEventType.RUN_FAILURE:
            why = _root_cause(event.job_failure_data.error, event.message)
            self._not_begun.append(f"the run could not begin: {why}")
        if event.event_type in TELLING:
            self._telling.append(event)


def told_failures(events: Iterable[dg.DagsterEvent]) -> list[str]:
    """Why steps failed, one line each, of a run's events of the types ``TELLING``.

    A check that stops the run fails its step too; what it found says more than that it failed.
    """
    found: dict[str | None, str] = {}
    failures = []
    for event in events:
        if event.is_step_failure:
            failures.append(f"{event.step_key}: {found.get(event.step_key) or _failure_reason(event)}")
        elif (check := event.asset_check_evaluation_data).blocking and not check.passed:
            found[event.step_key] = f"{check.check_name} failed: {check.description}"
    return failures


def _failure_reason(event: dg.DagsterEvent) -> str:
    """Why a step failed, in the words of what it raised."""
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return data.user_failure_data.description
    return _root_cause(data.error, None)


def _root_cause(error: Any, otherwise: str | None) -> str:
    """The words of what was raised first."""
    while error and error.cause:
        error = error.cause
    told = " ".join((error.message if error else otherwise or "no reason given").split())
    # What our own failures are called says nothing to a person; that of others may be all there is.
    return _OWN_FAILURE.sub("", told)


def log_to_file(folder: Path) -> None:
    """Send this process's log to a file, away from the person's screen."""
    folder.mkdir(parents=True, exist_ok=True)
    root = logging.getLogger()
    path = folder / "billsync.log"
    if any(getattr(handler, "baseFilename", None) == str(path) for handler in root.handlers):
        return
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
