"""Starting, finding and ending the sandbox's process.

A process is only taken for ours when it answers on the address it wrote down with the same pid and folder; only
then is a signal sent to it.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sandbox.server import DEFAULT_PORT
from sandbox.state import read_state

_START_SECONDS = 60.0
_STOP_SECONDS = 15.0
_CALL_SECONDS = 600.0
_OK = 400


class SandboxError(Exception):
    """Something about the sandbox's process; the message says what to do."""


def call(url: str, method: str, path: str, body: object = None, *, seconds: float = _CALL_SECONDS) -> dict[str, Any]:
    """Send a command to a running sandbox.

    Raises:
        SandboxError: when it does not answer, or answers with an error.
    """
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=seconds)
    try:
        payload = None if body is None else json.dumps(body)
        connection.request(method, path, body=payload, headers={"Content-Type": "application/json"})
        answer = connection.getresponse()
        parsed = json.loads(answer.read() or b"{}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SandboxError(f"the sandbox at {url} does not answer ({error}): run billsync sandbox up") from error
    finally:
        connection.close()
    if answer.status >= _OK:
        raise SandboxError(f"{method} {path} was refused: {parsed.get('error', parsed)}")
    return dict(parsed)


def running(home: Path) -> dict[str, Any]:
    """Give the state of the sandbox that runs from a folder; empty when none does."""
    state = read_state(home)
    if "url" not in state:
        return {}
    try:
        health = call(str(state["url"]), "GET", "/control/health", seconds=5)
    except SandboxError:
        return {}
    is_ours = health.get("pid") == state.get("pid") and health.get("home") == str(home)
    return state if is_ours else {}


def start(home: Path, port: int = DEFAULT_PORT) -> dict[str, Any]:
    """Start the process and wait until it answers; a running one is left alone.

    Raises:
        SandboxError: when it ends or stays silent.
    """
    if state := running(home):
        return state
    (home / "sandbox.json").unlink(missing_ok=True)
    log = home / "server.log"
    root = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603  our own module
            [sys.executable, "-m", "sandbox.server", "--home", str(home), "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": path},
        )
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if state := running(home):
            return state
        if process.poll() is not None:
            tail = log.read_text(encoding="utf-8", errors="replace")[-800:]
            raise SandboxError(f"the sandbox ended at once; {log} says: {tail}")
        time.sleep(0.05)
    raise SandboxError(f"the sandbox did not answer within {_START_SECONDS:.0f} s; see {log}")


def stop(home: Path) -> bool:
    """End the running process; False when none of ours runs.

    Raises:
        SandboxError: when it does not end.
    """
    state = running(home)
    if not state:
        (home / "sandbox.json").unlink(missing_ok=True)
        return False
    os.kill(int(state["pid"]), signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < deadline:
        if not running(home):
            (home / "sandbox.json").unlink(missing_ok=True)
            return True
        time.sleep(0.05)
    raise SandboxError(f"process {state['pid']} did not end within {_STOP_SECONDS:.0f} s")
