"""Faults on demand: what goes wrong, how often and on which paths.

What belongs here: parsing the ``X-Sandbox-Fault`` header, keeping the faults that were commanded, handing
out those that a request has to suffer. What stays out: acting them out (``sandbox.http``).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

KINDS = (
    "delay", "429", "503", "html", "expired-session", "cut-before", "cut-midway", "cut-after",
    "reset-before", "reset-after",
)  # fmt: skip
# A handler has to act these out itself, because only it knows its sessions and the parts of its work.
LEFT_TO_HANDLERS = frozenset({"expired-session", "cut-midway"})


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        kind: one of ``KINDS``.
        count: how many requests it still hits.
        path_prefix: only paths that begin so.
        seconds: length of a delay.
        retry_after: value of the ``Retry-After`` header, none when absent.
    """

    kind: str
    count: int = 1
    path_prefix: str = "/"
    seconds: Decimal = Decimal(1)
    retry_after: int | None = None


def parse_header(text: str | None) -> tuple[Fault, ...]:
    """Parse ``delay=2;429=1;503;cut-after``: the number is the delay or Retry-After in seconds.

    Raises:
        ValueError: for a name that is no fault, so that a typing error in a test cannot pass for a good day.
    """
    faults = []
    for word in (text or "").split(";"):
        if word.strip():
            name, _, number = word.strip().partition("=")
            faults.append(from_mapping({"fault": name, "seconds": number or None, "retry_after": number or None}))
    return tuple(faults)


def from_mapping(body: Mapping[str, object]) -> Fault:
    """Build a fault from a command's JSON body.

    Raises:
        ValueError: when the fault or a number is not known or not legal.
    """
    kind = str(body.get("fault", ""))
    if kind not in KINDS:
        raise ValueError(f"fault {kind!r} is not known; known are {', '.join(KINDS)}")
    try:
        seconds = Decimal(str(body.get("seconds") or 1))
        retry_after = body.get("retry_after")
        retry = None if retry_after is None else int(Decimal(str(retry_after)))
        count = int(str(body.get("count", 1)))
    except (InvalidOperation, ValueError) as error:
        raise ValueError(f"fault {kind}: a number is not legal in {dict(body)}") from error
    return Fault(kind, count, str(body.get("path_prefix") or "/"), seconds, retry)


class FaultStore:
    """The faults commanded over ``/control/faults``; each request takes one of every kind that fits."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Arm a fault."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Forget all armed faults."""
        with self._lock:
            self._faults.clear()

    def armed(self) -> list[dict[str, object]]:
        """Say what is armed, for ``GET /control/faults``."""
        with self._lock:
            return [
                {
                    "fault": fault.kind,
                    "count": fault.count,
                    "path_prefix": fault.path_prefix,
                    "seconds": fault.seconds,
                    "retry_after": fault.retry_after,
                }
                for fault in self._faults
            ]

    def for_request(self, path: str, header: str | None) -> tuple[Fault, ...]:
        """Take the faults this request has to suffer; ``/control`` itself never suffers any."""
        if path == "/control" or path.startswith("/control/"):
            return ()
        taken = list(parse_header(header))
        with self._lock:
            remaining = []
            for fault in self._faults:
                if path.startswith(fault.path_prefix) and fault.kind not in {one.kind for one in taken}:
                    taken.append(fault)
                    fault = replace(fault, count=fault.count - 1)  # noqa: PLW2901
                if fault.count > 0:
                    remaining.append(fault)
            self._faults = remaining
        return tuple(taken)
