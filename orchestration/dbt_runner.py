"""Running dbt inside this process: the manifest, the command line and the events of a run.

What belongs here: where the compiled project lives, when the manifest is stale, pure builders of dbt's arguments, and
one run of dbt whose results arrive as they happen. What stays out: Dagster's assets (``assets/transform.py``) and how
nodes are named there (``translation.py``).

dbt in a warm process takes about a second where the command line takes eight (imports, version check, parsing); the
price is that DuckDB's handle has to be closed by hand, which ``run_dbt`` always does.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import queue
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

from billsync.settings import Settings
from orchestration.dbt_events import DbtEvent, announcer, drop_debug_events

PROJECT_DIR: Final = Path(__file__).resolve().parents[1] / "dbt_project"
SELECTED: Final = "billsync_selected"
# dbt has no cancel: after this the run is given up and the process goes on to say so.
JOIN_SECONDS: Final = 60.0
_FAILED: Final = frozenset({"error", "fail", "runtime error"})

logger = logging.getLogger(__name__)


class DbtError(Exception):
    """dbt could not do what was asked; the message names the nodes and says what they said.

    Attributes:
        unfinished: nodes to run again, where everything that failed did so for a reason that may pass: a connection
            that was lost, a deadlock, a lock. Empty otherwise.
    """

    def __init__(self, message: str, unfinished: Collection[str] = ()) -> None:
        super().__init__(message)
        self.unfinished = frozenset(unfinished)


@dataclass(frozen=True)
class DbtTarget:
    """Where one target's compiled project lives and what dbt's profile needs to know.

    Attributes:
        name: duckdb, sqlserver or spark.
        folder: this target's own target path; runs of several targets never share one.
        logs: where dbt writes its log.
        environment: variables that the profile reads.
        project_dir: the dbt project.
        fetched: variables of the profile whose values lie elsewhere, fetched anew for each run of dbt and never for the
            manifest.
    """

    name: str
    folder: Path
    logs: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    project_dir: Path = PROJECT_DIR
    fetched: Callable[[], Mapping[str, str]] = field(default=dict, repr=False, compare=False)

    @property
    def manifest_path(self) -> Path:
        """The manifest file."""
        return self.folder / "manifest.json"


def dbt_target(settings: Settings) -> DbtTarget:
    """The dbt target that the settings name."""
    environment = {
        "BILLSYNC_WAREHOUSE": settings.warehouse,
        "BILLSYNC_HOME": settings.home.as_posix(),
        "BILLSYNC_DUCKDB_PATH": settings.duckdb_path.as_posix(),
    }
    return DbtTarget(
        settings.warehouse,
        settings.home / "dbt" / settings.warehouse,
        settings.logs,
        environment,
        fetched=lambda: {name: settings.require(name) for name in settings.refers_to("BILLSYNC_SQLSERVER_")},
    )


def common_args(target: DbtTarget) -> list[str]:
    """Arguments that every dbt command of ours carries: quiet, offline, in its own folders."""
    return [
        "--project-dir", str(target.project_dir),
        "--profiles-dir", str(target.project_dir),
        "--target", target.name,
        "--target-path", str(target.folder),
        "--log-path", str(target.logs),
    ]  # fmt: skip


GLOBAL_ARGS: Final = ("--quiet", "--no-version-check", "--no-send-anonymous-usage-stats", "--log-level", "none")


def parse_args(target: DbtTarget, *, write: bool = True) -> list[str]:
    """The command line that builds the manifest.

    Args:
        target: where.
        write: whether the manifest's file is written too.
    """
    return [*GLOBAL_ARGS, "parse", *common_args(target), *(() if write else ("--no-write-json",))]


def build_args(target: DbtTarget, first: date, last: date) -> list[str]:
    """The command line that builds and tests exactly the nodes that carry the tag of a run.

    Args:
        target: where.
        first: first billing day of the run.
        last: last billing day of the run.
    """
    days = {"start_day": first.isoformat(), "end_day": last.isoformat()}
    return [
        *GLOBAL_ARGS,
        "build",
        *common_args(target),
        "--vars", json.dumps(days, sort_keys=True),
        # The manifest is written when it is parsed, and results arrive as events: nobody reads the files of a run.
        "--no-write-json",
        "--exclude-resource-type", "unit_test",
        "--indirect-selection", "empty",
        "--select", f"tag:{SELECTED}",
    ]  # fmt: skip


def project_fingerprint(target: DbtTarget) -> str:
    """A hash of everything the manifest depends on: the project's files and the profile's environment."""
    digest = hashlib.sha256(json.dumps(sorted(target.environment.items())).encode())
    for path in sorted(target.project_dir.rglob("*")):
        relative = path.relative_to(target.project_dir)
        if path.is_file() and relative.parts[0] not in {"target", "logs"}:
            digest.update(f"{relative.as_posix()}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def load_manifest(target: DbtTarget) -> dict[str, Any]:
    """The manifest as plain data, built first when it is missing or older than the project.

    Raises:
        DbtError: when the project does not parse.
    """
    stamp = target.folder / "manifest.sha256"
    fingerprint = project_fingerprint(target)
    if not target.manifest_path.is_file() or not stamp.is_file() or stamp.read_text(encoding="utf-8") != fingerprint:
        _parse(target)
        stamp.write_text(fingerprint, encoding="utf-8")
    manifest: dict[str, Any] = json.loads(target.manifest_path.read_text(encoding="utf-8"))
    return manifest


def _parse(target: DbtTarget, *, write: bool = True) -> Any:
    from dbt.cli.main import dbtRunner  # noqa: PLC0415 - four seconds of imports that a fresh manifest saves

    target.folder.mkdir(parents=True, exist_ok=True)
    target.logs.mkdir(parents=True, exist_ok=True)
    with _environment(target.environment):
        result = dbtRunner().invoke(parse_args(target, write=write))
    if not result.success:
        msg = f"the dbt project does not parse: {result.exception}. Run `dbt parse` in {target.project_dir} to see more"
        raise DbtError(msg)
    return result.result


_manifests: dict[tuple[Path, str], Any] = {}


def _parsed_manifest(target: DbtTarget) -> Any:
    """Dbt's own manifest object, parsed once per process and state of the project."""
    key = (target.folder, project_fingerprint(target))
    if key not in _manifests:
        _manifests[key] = _parse(target, write=False)
    return _manifests[key]


def run_dbt(target: DbtTarget, args: Sequence[str], names: Collection[str]) -> Iterator[DbtEvent]:
    """Run one dbt command over named nodes and yield its results as they arrive.

    The command runs in a thread of its own, so that a long model does not hold back the results of the others. When
    the caller stops early the thread is waited for, never abandoned with the database's lock.

    Args:
        target: where.
        args: from ``build_args``.
        names: models, seeds and tests; nothing else is run, also no test that dbt would add by itself.

    Raises:
        DbtError: after the last event, when dbt failed; the message names what failed.
    """
    events: queue.Queue[DbtEvent | None] = queue.Queue()
    outcome: list[Any] = []
    thread = threading.Thread(
        target=_invoke, args=(target, list(args), set(names), events, outcome), name="billsync-dbt", daemon=True
    )
    thread.start()
    try:
        while (event := events.get()) is not None:
            yield event
    finally:
        thread.join(timeout=JOIN_SECONDS)
        if thread.is_alive():
            logger.error("dbt is still running %.0f seconds after its run was given up", JOIN_SECONDS)
        else:
            _close_connections(target)
    _raise_on_failure(outcome[0], target, names)


def _invoke(
    target: DbtTarget, args: list[str], names: set[str], events: queue.Queue[DbtEvent | None], outcome: list[Any]
) -> None:
    from dbt.cli.main import dbtRunner  # noqa: PLC0415 - see _parse

    try:
        manifest = _parsed_manifest(target)
        drop_debug_events()
        with _environment({**target.environment, **target.fetched()}), _selected(manifest, names):
            outcome.append(dbtRunner(manifest=manifest, callbacks=[announcer(events.put)]).invoke(args))
    except BaseException as error:  # noqa: BLE001 - handed to the caller's thread, which raises it
        outcome.append(error)
    finally:
        events.put(None)


@contextmanager
def _selected(manifest: Any, names: set[str]) -> Iterator[None]:
    """Give the named nodes the tag of the run.

    Naming them on the command line works too, but dbt compares every name with every node, three times: for 165 names
    of 300 nodes that was a third of the run's time.
    """
    chosen = [node for node in manifest.nodes.values() if node.name in names]
    for node in chosen:
        node.tags.append(SELECTED)
    try:
        yield
    finally:
        for node in chosen:
            node.tags.remove(SELECTED)


def _raise_on_failure(outcome: Any, target: DbtTarget, names: Collection[str]) -> None:
    if isinstance(outcome, BaseException):
        raise outcome
    if outcome.success:
        return
    if outcome.exception is not None:
        msg = f"dbt stopped: {outcome.exception}"
        raise DbtError(msg, names if _may_pass(target, [msg]) else ()) from outcome.exception
    failed = [result for result in outcome.result.results if str(result.status) in _FAILED]
    lines = [f"{result.node.name}: {' '.join(str(result.message).split())[:400]}" for result in failed]
    msg = "dbt failed on " + "; ".join(lines[:20]) + (f" and {len(lines) - 20} more" if len(lines) > 20 else "")  # noqa: PLR2004
    undone = [result.node.name for result in outcome.result.results if str(result.status) in {*_FAILED, "skipped"}]
    raise DbtError(msg, undone if _may_pass(target, [str(result.message) for result in failed]) else ())


def _may_pass(target: DbtTarget, messages: Sequence[str]) -> bool:
    """Whether all failures are of the kind that a link and other users of a server make."""
    if target.name != "sqlserver":
        return False
    from loaders.sqlserver.errors import is_passing  # noqa: PLC0415 - only where that is the warehouse

    return all(is_passing(message) for message in messages)


def _close_connections(target: DbtTarget) -> None:
    # dbt keeps DuckDB's file open after the run; a reader with other options would be refused until it is closed.
    if target.name == "duckdb":
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager  # noqa: PLC0415

        DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables for dbt's profile and put the former ones back."""
    former = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
