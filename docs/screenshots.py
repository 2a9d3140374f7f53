"""Makes the README's pictures: the lineage in Dagster and the day's report, by a headless Chromium.

Run it after ``make demo``: ``.venv/bin/python docs/screenshots.py --day 2026-03-05``. It needs a Chromium on
the PATH and no network: Dagster and the browser talk over loopback.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any, Final

from websockets.sync.client import ClientConnection, connect

REPOSITORY: Final = Path(__file__).resolve().parents[1]
IMAGES: Final = REPOSITORY / "docs" / "images"
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
FLAGS: Final = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
# What a newcomer should see: how a compared bill came to be, and what it feeds.
LINEAGE: Final = "assets/marts/fct_bill_reconciliation?view=lineage&lineageScope=neighbors&lineageDepth=2"
START_SECONDS: Final = 120
LARGEST_MESSAGE: Final = 64 * 2**20


class Page:
    """One browser page, spoken to by the DevTools protocol."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._ids = count(1)

    def call(self, method: str, **params: Any) -> Any:
        """Send a command and wait for its answer; events in between are not needed."""
        number = next(self._ids)
        self._connection.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._connection.recv(timeout=60))
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def evaluate(self, script: str) -> Any:
        """Run a script in the page and return its value."""
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def shoot(self, url: str, path: Path, size: tuple[int, int], *, ready: str = "true", settle: float = 1.0) -> None:
        """Open an address, wait until a script says it is ready, and keep a picture of it.

        Args:
            url: what to open.
            path: the PNG.
            size: width and height of the window.
            ready: JavaScript that is true when the page may be taken.
            settle: seconds to wait after that, for animations.
        """
        width, height = size
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1.5, mobile=False)
        self.call("Page.navigate", url=url)
        wait_for(lambda: bool(self.evaluate(f"document.readyState === 'complete' && ({ready})")), url)
        time.sleep(settle)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
        print(f"wrote {path.relative_to(REPOSITORY)}")


def wait_for(condition: Any, what: str) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: it did not hold in time.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.5)
    raise TimeoutError(f"{what} was not ready within {START_SECONDS} s")


@contextmanager
def browser() -> Iterator[Page]:
    """A headless browser with a profile of its own, ended afterwards."""
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        sys.exit(f"no browser found: install one of {', '.join(BROWSERS)}")
    port = free_port()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [program, *FLAGS, f"--remote-debugging-port={port}", f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: bool(fetch(f"http://127.0.0.1:{port}/json/version")), "the browser")
            pages = json.loads(fetch(f"http://127.0.0.1:{port}/json/list"))
            address = next(page["webSocketDebuggerUrl"] for page in pages if page["type"] == "page")
            with connect(address, max_size=LARGEST_MESSAGE) as connection:
                yield Page(connection)
        finally:
            process.terminate()
            process.wait(timeout=20)


@contextmanager
def dagster_ui() -> Iterator[str]:
    """The product's own Dagster UI on a free port, ended afterwards."""
    port = free_port()
    command = [sys.executable, "-m", "billsync", "ui", "--port", str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    # A session of its own: Dagster starts children, and the interrupt has to reach all of them.
    process = subprocess.Popen(command, cwd=REPOSITORY, start_new_session=True, **quiet)
    base = f"http://127.0.0.1:{port}"
    try:
        wait_for(lambda: bool(fetch(f"{base}/server_info")), "Dagster")
        yield base
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=60)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def fetch(url: str) -> bytes:
    """Get an address on loopback."""
    with urllib.request.urlopen(url, timeout=5) as answer:
        return bytes(answer.read())


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--day", type=date.fromisoformat, default=date(2026, 3, 5))
    parser.add_argument("--report", type=Path, help="default: the report of the day under var")
    parser.add_argument("--only", choices=["report", "lineage"])
    asked = parser.parse_args()
    report = asked.report or REPOSITORY / "var" / "reports" / f"billing_day={asked.day}" / "report.html"
    with browser() as page:
        if asked.only != "lineage":
            page.shoot(report.resolve().as_uri(), IMAGES / "report.png", (1200, 1500))
        if asked.only != "report":
            with dagster_ui() as base:
                drawn = "document.querySelectorAll('svg foreignObject').length > 3"
                page.shoot(f"{base}/{LINEAGE}", IMAGES / "lineage.png", (1800, 1000), ready=drawn, settle=12)


if __name__ == "__main__":
    main()
