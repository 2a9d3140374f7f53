"""Starting the sandbox for the local environment, as a process of its own.

What belongs here: telling whether the sandbox answers, and starting it through its command. What stays out: anything
of the sandbox itself, which production code never imports.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from decimal import Decimal
from urllib.error import URLError
from urllib.request import urlopen

from billsync.progress import Progress
from billsync.settings import ConfigurationError, Settings, load_settings

ANSWER_SECONDS = 5


def is_up(settings: Settings) -> bool:
    """Whether the sandbox that the state folder names answers."""
    if not settings.sandbox_state.is_file():
        return False
    state = json.loads(settings.sandbox_state.read_text(encoding="utf-8"), parse_float=Decimal)
    url = str(state.get("settings", {}).get("BILLSYNC_SAP_URL", ""))
    if not url.startswith("http://"):
        return False
    try:
        with urlopen(f"{url}/control/health", timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - loopback, from our own file
            return bool(answer.status == 200)  # noqa: PLR2004
    except (URLError, OSError):
        return False


def ensure_sandbox(environ: Mapping[str, str], progress: Progress) -> None:
    """Start the sandbox when the environment is local and it does not answer; seeds it the first time.

    Raises:
        ConfigurationError: when it does not start.
    """
    settings = load_settings(environ)
    if not settings.starts_sandbox or _names_own_systems(environ) or is_up(settings):
        return
    progress.say("starting the sandbox")
    sandbox_command(environ, "up")
    if not is_up(load_settings(environ)):
        msg = f"the sandbox does not answer; see {settings.home / 'sandbox'} and run: billsync sandbox up"
        raise ConfigurationError(msg)


def _names_own_systems(environ: Mapping[str, str]) -> bool:
    """A local environment that names every source itself needs no sandbox."""
    names = ("BILLSYNC_LANDING", "BILLSYNC_SOURCE_DB_URL", "BILLSYNC_TARIFF_API_URL", "BILLSYNC_SAP_URL")
    return all(environ.get(name) for name in names)


def sandbox_command(environ: Mapping[str, str], *words: str) -> None:
    """Run ``billsync sandbox …`` in a process of its own.

    Raises:
        ConfigurationError: with what the command said, when it failed.
    """
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "billsync", "sandbox", *words],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        msg = f"billsync sandbox {' '.join(words)} failed: {(done.stderr or done.stdout).strip()[-2000:]}"
        raise ConfigurationError(msg)
