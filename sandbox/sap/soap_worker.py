"""The thread that does the business of SOAP messages and posts the pretend SAP's outbox, as an integration server does.

What goes wrong with a confirmation on command is acted out here. A post that fails is tried again, since SAP keeps a
message until it is taken.
"""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Iterator

import requests

from sandbox.sap.soap import SoapServices

_BEAT_SECONDS = 0.05
_RETRY_SECONDS = 0.5
_POST_TIMEOUT_SECONDS = 30
_HUGE_BYTES = 200 * 1024 * 1024
_INNER = re.compile(rb"<(\w+ConfirmationMessage)>.*?</\1>", re.DOTALL)


class SoapWorker:
    """Works until it is closed; idle it looks for due work a few times a second."""

    def __init__(self, services: SoapServices) -> None:
        self.services = services
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._session = requests.Session()
        self._session.trust_env = False

    def start(self) -> None:
        """Begin to work, if it is not at it already."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="sap-soap", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Stop and wait for the message that is being worked on."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=_POST_TIMEOUT_SECONDS)
        self._session.close()

    def _run(self) -> None:
        while not self._stop.wait(_BEAT_SECONDS):
            self.services.process_waiting()
            self._post_due()

    def _post_due(self) -> None:
        settings = self.services.settings
        if not settings.confirmations_url:
            return
        due = self.services.store.rows(
            "select number, body from soap_outbox where sent_at is null and due_at <= ? order by number", (time.time(),)
        )
        for row in due:
            if self._stop.is_set():
                return
            is_taken = all(self._post(body) for body in self._as_commanded(row["body"]))
            with self.services.store.writing() as connection:
                connection.execute(
                    "update soap_outbox set sent_at = iif(?, datetime('now'), null), "
                    "due_at = ?, tries = tries + 1 where number = ?",
                    (is_taken, time.time() + _RETRY_SECONDS, row["number"]),
                )

    def _as_commanded(self, body: bytes) -> Iterator[bytes]:
        """What is posted for one message of the outbox: itself, or what a command makes of it."""
        settings = self.services.settings
        kind = "normal"
        if settings.confirmations_left > 0:
            settings.confirmations_left -= 1
            kind = settings.confirmations
        if kind == "malformed":
            yield body[: len(body) // 2]
        elif kind == "entities":
            yield _bomb()
        elif kind == "huge":
            yield b"<a>" + b"x" * _HUGE_BYTES
        elif kind == "unknown":
            yield _about_another_message(body)
        elif kind == "received-first":
            yield body.replace(b"ResultCode>3<", b"ResultCode>1<").replace(b"ResultCode>5<", b"ResultCode>1<")
        elif kind == "twice":
            yield body
        elif kind == "bulk-only":
            yield _INNER.sub(b"", body)
            return
        if kind not in {"never"}:
            yield body

    def _post(self, body: bytes) -> bool:
        """Post once; a refusal for good counts as taken, since repeating it would change nothing."""
        try:
            answer = self._session.post(
                self.services.settings.confirmations_url,
                data=body,
                headers={
                    "Content-Type": "text/xml; charset=utf-8",
                    "SOAPAction": '"http://sap.com/xi/WebService/soap1.1"',
                },
                auth=self.services.confirmation_credentials,
                timeout=_POST_TIMEOUT_SECONDS,
            )
        except requests.RequestException:
            return len(body) > _HUGE_BYTES  # refused unread, by cutting the connection
        return answer.status_code < 500  # noqa: PLR2004 - a failure that may pass


def _about_another_message(body: bytes) -> bytes:
    """The same confirmation about messages that nobody sent."""
    pieces = body.split(b"<ReferenceUUID>")
    changed = [str(uuid.uuid4()).upper().encode() + piece[36:] for piece in pieces[1:]]
    return b"<ReferenceUUID>".join([pieces[0], *changed])


def _bomb() -> bytes:
    """Entities that would grow to gigabytes."""
    lines = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    return f'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY e0 "boom">{lines}]><b>&e9;</b>'.encode()
