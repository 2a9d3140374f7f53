"""Progress of long work: a live line on a terminal, plain lines elsewhere, always on standard error.

What belongs here: how steps are shown. What stays out: which steps there are.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from rich.status import Status


class Progress:
    """Shows the steps of a piece of work and how long each took.

    Args:
        stream: where to; standard error when None.
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stderr
        self._status: Status | None = None
        self._started: dict[str, float] = {}

    @contextmanager
    def shown(self, title: str) -> Iterator[Progress]:
        """Show progress while the block runs."""
        self.say(title)
        if self._stream.isatty():
            from rich.console import Console  # noqa: PLC0415 - not needed for plain lines

            self._status = Console(file=self._stream).status("starting")
            self._status.start()
        try:
            yield self
        finally:
            if self._status:
                self._status.stop()
                self._status = None

    def say(self, text: str) -> None:
        """One plain line."""
        if self._status:
            self._status.console.print(text, markup=False, highlight=False)
        else:
            self._stream.write(f"{text}\n")
            self._stream.flush()

    def start(self, step: str) -> None:
        """A step begins."""
        self._started[step] = time.monotonic()
        if self._status:
            self._status.update(step)

    def end(self, step: str, outcome: str = "done") -> None:
        """A step is over."""
        seconds = time.monotonic() - self._started.pop(step, time.monotonic())
        self.say(f"  {step:<34} {outcome:<8} {seconds:6.1f} s")
