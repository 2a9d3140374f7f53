"""UiPath's robots, bound to settings: exceptions to their queues and back, files that they fetch.

What belongs here: Orchestrator's address and credentials from settings, and the steps, job and sensor in Dagster. What
stays out: what is sent and what an answer means (``loaders/uipath``). Nothing of it is imported while robots are off.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from billsync.settings.uipath import token_url, uipath_settings
from loaders.sources.landing import folder_of_day, open_landing
from loaders.uipath.exceptions import IN_FLIGHT, Outcome, Robots, assignments_of, handed_over
from loaders.uipath.files import FileJob, Patience, RobotFiles
from loaders.uipath.orchestrator import Orchestrator
from loaders.uipath.tokens import ClientCredentials, PersonalToken, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from billsync.settings import Settings
    from loaders.sources.extract import Extract
    from orchestration.systems import Systems

ASSIGNMENTS: Final = "select rule_code, queue_name, success_state, most_attempts, fields from reference.robot_queues"


def open_orchestrator(settings: Settings) -> Orchestrator:
    """Orchestrator as the settings name it; nothing is asked of it yet.

    Raises:
        ConfigurationError: a name is missing; the message says which.
    """
    from loaders.http import HttpSession  # noqa: PLC0415 - loaded when used

    session = HttpSession()
    url, personal = settings.require("BILLSYNC_UIPATH_URL"), settings.get("BILLSYNC_UIPATH_TOKEN")
    tokens: Tokens
    if personal:
        tokens = PersonalToken(personal)
    else:
        tokens = ClientCredentials(
            session,
            token_url(settings),
            settings.require("BILLSYNC_UIPATH_CLIENT_ID"),
            settings.require("BILLSYNC_UIPATH_CLIENT_SECRET"),
            settings.require("BILLSYNC_UIPATH_SCOPE"),
        )
    return Orchestrator(session, tokens, url, settings.get("BILLSYNC_UIPATH_FOLDER") or "")


def robots_of(systems: Systems, say: Callable[[str], None] = lambda _: None) -> Robots:
    """Robots with the assignments that the warehouse has."""
    assignments = assignments_of(systems.warehouse.fetch(ASSIGNMENTS))
    return Robots(systems.engine, open_orchestrator(systems.settings), assignments, say)


def exchange(systems: Systems, say: Callable[[str], None]) -> tuple[dict[str, object], list[str]]:
    """Take results, then hand over what is open; returns facts, and what could not be done."""
    robots = robots_of(systems, say)
    collected, sent = robots.collect(), robots.send()
    return facts_of(collected, sent), [*collected.problems, *sent.problems]


def facts_of(*outcomes: Outcome) -> dict[str, object]:
    """What passes came to, added up."""
    names = ("sent", "already_there", "refused", "done", "failed", "waiting")
    return {name.replace("_", " "): sum(getattr(one, name) for one in outcomes) for name in names}


def waiting_count(systems: Systems) -> int:
    """How many exceptions robots have; asks our own database only."""
    return sum(one.event in IN_FLIGHT for one in handed_over(systems.engine).values())


def read_robot_files(systems: Systems, day: date, _folder: Path) -> Sequence[Extract]:
    """Have robots bring the files of a billing day before they are read; there is nothing to load of its own.

    Raises:
        LoaderError: a file did not come; the other jobs were still run.
    """
    from loaders.errors import LoaderError, PermanentError  # noqa: PLC0415 - see open_orchestrator

    asked = uipath_settings(systems.settings)
    landing = open_landing(systems.settings.require("LANDING"))
    files = RobotFiles(
        systems.engine, open_orchestrator(systems.settings), Patience(wait_seconds=asked.job_wait_seconds)
    )
    failures = []
    for name, process in asked.jobs.items():
        try:
            files.fetch(FileJob(name, process), day, folder_of_day(day), partial(landing.list_files, day))
        except LoaderError as error:
            failures.append(error)
    if len(failures) == 1:
        raise failures[0]
    if failures:
        why = "; ".join(f"{error.what}: {error.why}" for error in failures)
        raise PermanentError("Fetching files by robots", why, "Look at these jobs in Orchestrator.")
    return []


def greeting(settings: Settings) -> str:
    """For the doctor: log on, look into the folder for what is used, change nothing."""
    asked, client = uipath_settings(settings), open_orchestrator(settings)
    found = [f"queues: {client.greet()}"] if asked.hands_over_exceptions else []
    if asked.jobs:
        found.append(f"processes: {client.greet('Releases')}")
    return f"in the folder: {', '.join(found)}"
