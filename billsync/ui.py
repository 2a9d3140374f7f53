"""Dagster's own page on loopback, over the same storage that the command line writes.

What belongs here: starting it. What stays out: definitions (``orchestration``).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final, NoReturn

from billsync.run import write_dagster_yaml
from billsync.settings import ConfigurationError, Settings

WORKSPACE: Final = Path(__file__).resolve().parents[1] / "workspace.yaml"
HOST: Final = "127.0.0.1"


def command(port: int) -> list[str]:
    """The command line that serves webserver and daemon."""
    return [
        sys.executable, "-m", "dagster", "dev",
        "--workspace", str(WORKSPACE), "--host", HOST, "--port", str(port),
    ]  # fmt: skip


def environment(settings: Settings) -> dict[str, str]:
    """What the servers and the runs they start need to know."""
    return {
        **os.environ,
        "BILLSYNC_HOME": str(settings.home),
        "DAGSTER_HOME": str(settings.dagster_home),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
    }


def serve(settings: Settings, port: int) -> NoReturn:
    """Become Dagster's server: who stops this process stops it, with the servers that it started."""
    if not WORKSPACE.is_file():
        msg = f"{WORKSPACE} is missing; run from a clone of the project"
        raise ConfigurationError(msg)
    write_dagster_yaml(settings.dagster_home)
    sys.stderr.write(f"Dagster opens on http://{HOST}:{port} in about half a minute; Ctrl-C ends it\n")
    sys.stderr.flush()
    os.execve(sys.executable, command(port), environment(settings))  # noqa: S606 - no shell: our own words
