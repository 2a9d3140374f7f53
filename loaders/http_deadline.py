"""A time by which an HTTP answer has to be there, however slowly it comes.

A time-out of a socket starts anew with every byte: a server that sends one a minute, in its headers or its body, would
hold a request for ever. So the connection itself is ended when the time is over.

What belongs here: ending the connection of the running request. What stays out: what that means (``http``).
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Self

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class Deadline:
    """Ends the connection whose answer this thread is waiting for when the time is over; a context manager.

    Attributes:
        is_over: whether it did: whatever was read is not the whole answer then.
    """

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._sock: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._token: Token[Deadline | None] | None = None

    def __enter__(self) -> Self:
        self._token = _running.set(self)
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._token:
            _running.reset(self._token)

    def watch(self, sock: socket.socket | None) -> None:
        """Name the connection that is to be ended."""
        self._sock = sock
        if self.is_over:
            self._end()

    def _end(self) -> None:
        self.is_over = True
        if self._sock is not None:
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)


class DeadlineAdapter(HTTPAdapter):
    """The adapter of requests whose connections keep to the ``Deadline`` of the running request."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pool of direct connections."""
        super().init_poolmanager(*args, **kwargs)
        _use_watched(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Make the pool of a proxy's connections."""
        manager = super().proxy_manager_for(*args, **kwargs)
        _use_watched(manager)
        return manager


_running: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def _watch(sock: socket.socket | None) -> None:
    deadline = _running.get()
    if deadline is not None:
        deadline.watch(sock)


class _Connection(HTTPConnection):
    def getresponse(self) -> Any:
        _watch(self.sock)
        return super().getresponse()


class _SecureConnection(HTTPSConnection):
    def getresponse(self) -> Any:
        _watch(self.sock)
        return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def _use_watched(manager: urllib3.PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
