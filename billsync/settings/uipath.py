"""What UiPath robots do here, read from the settings; nothing unless somebody asks for it.

What belongs here: text into checked values. What stays out: the names and their defaults (``names.py``), and speaking
to Orchestrator (``orchestration/robots``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit, urlunsplit

from billsync.settings.checked import choice, whole_number
from billsync.settings.names import ConfigurationError

if TYPE_CHECKING:
    from billsync.settings.values import Settings

_CLOUD_SERVICE: Final = "orchestrator_"
_LONGEST_WAIT: Final = 24 * 3600
_JOB_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,30}")


@dataclass(frozen=True)
class UipathSettings:
    """Checked values of ``BILLSYNC_UIPATH_*``.

    Attributes:
        hands_over_exceptions: whether exceptions go to robots' queues.
        jobs: what a file's name begins with, and the process that fetches it.
        job_wait_seconds: how long a run waits for such a file.
    """

    hands_over_exceptions: bool
    jobs: Mapping[str, str]
    job_wait_seconds: int

    @property
    def is_used(self) -> bool:
        """Whether Orchestrator is needed at all."""
        return self.hands_over_exceptions or bool(self.jobs)


def uipath_settings(settings: Settings) -> UipathSettings:
    """Read and check them.

    Raises:
        ConfigurationError: a value that is none; the message names the variable.
    """
    return UipathSettings(
        hands_over_exceptions=choice(settings, "BILLSYNC_UIPATH_EXCEPTIONS", ("0", "1")) == "1",
        jobs=_jobs(settings.get("BILLSYNC_UIPATH_JOBS") or ""),
        job_wait_seconds=whole_number(settings, "BILLSYNC_UIPATH_JOB_WAIT", _LONGEST_WAIT),
    )


def token_url(settings: Settings) -> str:
    """The identity server's token endpoint: the one named, or the one that belongs to Orchestrator's address.

    Automation Cloud and Automation Suite serve it beside the tenant (``…/ORGANISATION/identity_/connect/token``), an
    Orchestrator of one's own below its address (``…/identity/connect/token``).
    """
    named = settings.get("BILLSYNC_UIPATH_TOKEN_URL")
    if named:
        return named
    parts = urlsplit(settings.require("BILLSYNC_UIPATH_URL"))
    steps = [step for step in parts.path.split("/") if step]
    is_cloud = len(steps) > 1 and steps[-1] == _CLOUD_SERVICE
    place = [*steps[:-2], "identity_"] if is_cloud else [*steps, "identity"]
    return urlunsplit((parts.scheme, parts.netloc, "/".join(["", *place, "connect", "token"]), "", ""))


def _jobs(text: str) -> dict[str, str]:
    jobs: dict[str, str] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, mark, process = (one.strip() for one in part.partition("="))
        if not mark or not process or not _JOB_NAME.fullmatch(name) or name in jobs:
            msg = (
                f"BILLSYNC_UIPATH_JOBS has {part!r}; it must be name=Process, parted by commas: each name once, of "
                "letters, digits, - and _, at most 30, as the robot's files begin with it"
            )
            raise ConfigurationError(msg)
        jobs[name] = process
    for name in jobs:
        longer = [other for other in jobs if other != name and other.startswith(name)]
        if longer:
            msg = (
                f"BILLSYNC_UIPATH_JOBS has {name!r} and {longer[0]!r}: files of the second would be taken for the "
                "first's; no name may begin another"
            )
            raise ConfigurationError(msg)
    return jobs
