"""A fence before requests that change another system: checked in the instant before such a request leaves.

A process may stand still between deciding to send and sending (stopped, swapped out, a laptop asleep) and wake up when
someone else has taken its work over. Whoever sends under a lease therefore raises the fence, and ``loaders.http``
checks it before every try of a request that must not be repeated, however long it waited for a token or a retry.

What belongs here: the fence of the running thread. What stays out: leases (``sap_isu.lease``), requests (``http``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Check = Callable[[], None]
_check: ContextVar[Check | None] = ContextVar("fence", default=None)


@contextmanager
def raised(check: Check) -> Iterator[None]:
    """Have ``check`` asked before every modifying request of this thread; it raises to stop the request."""
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def ask() -> None:
    """Raise what the fence raises; without a fence everything may pass."""
    check = _check.get()
    if check is not None:
        check()
