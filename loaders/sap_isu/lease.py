"""Leases on billing days: of two loads that want the same day, one works and the other stops with a clear word.

What belongs here: taking, renewing and giving back leases, and telling a dead holder from a living one.
What stays out: what is done under a lease (``loader``).
"""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from loaders.errors import LoaderError, TransientError
from loaders.operational_db import leases, utc_now

DEFAULT_SECONDS = 120.0
PLAN_LEASE = "sap_plan"
"""Taken while a plan goes into the ledger and while a load begins: plans must not interleave."""

_POLL_SECONDS = 0.5
_PARTS = 4
_STAT_START_FIELD = 19
_CHUNK = 200


class LeaseHeldError(TransientError):
    """Another process is working on this day."""


class LeaseLostError(TransientError):
    """The lease ran out and someone else took it, or it was taken away: stop at once."""


def new_holder() -> str:
    """Name this process so that others can tell where it runs and, on the same machine, whether it still does."""
    return f"{_machine()}|{os.getpid()}|{_process_start(os.getpid())}|{uuid.uuid4()}"


def is_surely_dead(holder: str) -> bool:
    """Whether the holder's process is known to be gone; False whenever this machine cannot know."""
    parts = holder.split("|")
    if len(parts) != _PARTS or parts[0] != _machine() or not parts[1].isdigit():
        return False
    pid = int(parts[1])
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    # The number may have been given to a new process since, or be a killed one that its parent has not buried.
    return bool(parts[2]) and (_process_start(pid) != parts[2] or _process_stat(pid)[:1] == ["Z"])


def day_lease(day: date) -> str:
    """The lease under which the readings of a billing day are sent."""
    return f"sap_load:{day.isoformat()}"


def refuse_if_held(connection: Connection, names: Collection[str]) -> None:
    """Fail inside the caller's transaction when a living holder has one of these leases.

    Raises:
        LeaseHeldError: so that the transaction that wanted to act is rolled back.
    """
    now = utc_now(connection)
    for chunk in _chunks(tuple(names)):
        query = sa.select(leases).where(leases.c.lease_name.in_(chunk), leases.c.expires_at > now)
        for found in connection.execute(query):
            if not is_surely_dead(found.holder):
                raise _held(found.lease_name, found.holder)


@dataclass
class Lease:
    """A set of leases taken together and renewed in the background; use as a context manager.

    Attributes:
        names: what is leased, all or none.
        seconds: how long an unrenewed lease stands.
        wait_seconds: how long to wait for another holder before giving up.
    """

    engine: Engine
    names: tuple[str, ...]
    seconds: float = DEFAULT_SECONDS
    wait_seconds: float = 0.0
    holder: str = field(default_factory=new_holder)
    _good_until: float = field(default=0.0, init=False, repr=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False, repr=False)
    _thread: threading.Thread | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> Self:
        self.acquire()
        self._thread = threading.Thread(target=self._keep_renewing, name="lease", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()
        self.release()

    def acquire(self) -> None:
        """Take every lease, or none.

        Raises:
            LeaseHeldError: another living holder has one of them.
        """
        deadline = time.monotonic() + self.wait_seconds
        while True:
            began = _elapsed()
            try:
                with self.engine.begin() as connection:
                    self._take_all(connection)
            except LeaseHeldError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_POLL_SECONDS)
            else:
                self._good_until = began + self.seconds
                return

    def verify(self, connection: Connection) -> None:
        """Fail inside the caller's transaction when the lease is not ours any more.

        Raises:
            LeaseLostError: so that the transaction that wanted to act is rolled back.
        """
        now = utc_now(connection)
        held = sum(
            connection.execute(
                sa.select(sa.func.count())
                .select_from(leases)
                .where(leases.c.lease_name.in_(chunk), leases.c.holder == self.holder, leases.c.expires_at > now)
            ).scalar_one()
            for chunk in _chunks(self.names)
        )
        if held != len(self.names):
            raise self._lost()

    def refuse_if_lapsed(self) -> None:
        """Fail when the lease may have run out, by this machine's own clock: cheap enough to ask before every request.

        Raises:
            LeaseLostError: so that nothing leaves that another run may be sending by now.
        """
        if _elapsed() >= self._good_until:
            raise self._lost()

    def _lost(self) -> LeaseLostError:
        return LeaseLostError(
            f"Loading {_told(self.names)}",
            "this process lost its lease, most likely because it stood still for too long",
            "Run the day again; what was sent is read back first.",
        )

    def release(self) -> None:
        """Give back what is still ours."""
        with self.engine.begin() as connection:
            for chunk in _chunks(self.names):
                connection.execute(
                    sa.delete(leases).where(leases.c.lease_name.in_(chunk), leases.c.holder == self.holder)
                )

    def _take_all(self, connection: Connection) -> None:
        now = utc_now(connection)
        until = now + timedelta(seconds=self.seconds)
        for name in sorted(self.names):
            found = connection.execute(sa.select(leases).where(leases.c.lease_name == name)).one_or_none()
            if found is None:
                self._insert(connection, name)
                continue
            if found.holder != self.holder and found.expires_at > now and not is_surely_dead(found.holder):
                raise _held(name, found.holder)
            # The old holder in the condition makes this safe where another taker is not locked out.
            taken = connection.execute(
                sa.update(leases)
                .where(leases.c.lease_name == name, leases.c.holder == found.holder)
                .values(holder=self.holder, acquired_at=now, expires_at=until)
            )
            if taken.rowcount != 1:
                raise _held(name, "another process")

    def _insert(self, connection: Connection, name: str) -> None:
        now = utc_now(connection)
        until = now + timedelta(seconds=self.seconds)
        try:
            connection.execute(
                sa.insert(leases).values(lease_name=name, holder=self.holder, acquired_at=now, expires_at=until)
            )
        except sa.exc.IntegrityError:
            raise _held(name, "another process") from None

    def _keep_renewing(self) -> None:
        while not self._stop.wait(self.seconds / 3):
            # A renewal that fails is tried again; if all fail, ``verify`` stops the work.
            with suppress(sa.exc.SQLAlchemyError, LoaderError):
                self._renew()

    def _renew(self) -> None:
        began = _elapsed()
        with self.engine.begin() as connection:
            until = utc_now(connection) + timedelta(seconds=self.seconds)
            renewed = sum(
                connection.execute(
                    sa.update(leases)
                    .where(leases.c.lease_name.in_(chunk), leases.c.holder == self.holder)
                    .values(expires_at=until)
                ).rowcount
                for chunk in _chunks(self.names)
            )
        if renewed == len(self.names):
            self._good_until = began + self.seconds


def _held(name: str, holder: str) -> LeaseHeldError:
    parts = holder.split("|")
    who = f"process {parts[1]} on {parts[0].split('/')[0]}" if len(parts) == _PARTS else holder
    return LeaseHeldError(
        f"Taking the lease {name}",
        f"{who} is working on it",
        "Wait for that run to end, then run again; a lease of a process that died runs out by itself.",
    )


def _told(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _chunks(names: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    return (names[start : start + _CHUNK] for start in range(0, len(names), _CHUNK))


def _elapsed() -> float:
    """Seconds that also pass while the machine sleeps, where the system counts them."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


def _machine() -> str:
    """Host, boot and process-number space: only where all three agree does a process number mean anything."""
    boot, space = "", ""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()[:8]
        space = str(Path("/proc/self/ns/pid").stat().st_ino)
    return f"{socket.gethostname()}/{boot}/{space}"


def _process_start(pid: int) -> str:
    """The process's start, in the system's ticks; empty where the system does not tell."""
    fields = _process_stat(pid)
    return fields[_STAT_START_FIELD] if len(fields) > _STAT_START_FIELD else ""


def _process_stat(pid: int) -> list[str]:
    """What the system tells of a process behind its name, which may hold any character."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    return stat.rpartition(")")[2].split()
