"""Alerts: sent once, counted when they repeat, and never lost in silence.

What belongs here: the one place that posts to ``BILLSYNC_ALERT_URLS`` and ``BILLSYNC_REPORT_URLS``, and remembers what
was posted. What stays out: deciding what deserves an alert (``orchestration/sensors``).

An alert is remembered only after its post succeeded; a failed post raises, so the caller tries again later.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from loaders.aws.messages import Channel, open_channel
from loaders.errors import LoaderError, PermanentError, TransientError
from loaders.operational_db import alerts_sent, utc_now

Sent = Literal["sent", "repeated", "logged"]
KEY_LENGTH: Final = 300
DETAIL_LENGTH: Final = 1000

logger = logging.getLogger(__name__)


class AlertNotSentError(Exception):
    """No channel took the alert; it will be tried again."""


@dataclass(frozen=True)
class Alert:
    """One thing a person should hear of.

    Attributes:
        subject: what it is about, stable over repeats: kind, job or check, billing day, state.
        title: one line.
        body: what happened, why, what to do.
        attachment: a file that goes along, where the channel takes files.
    """

    subject: tuple[str, ...]
    title: str
    body: str
    attachment: Path | None = None

    @property
    def key(self) -> str:
        """The subject as a key of bounded length."""
        text = "|".join(self.subject)
        if len(text) <= KEY_LENGTH:
            return text
        return f"{text[: KEY_LENGTH - 65]}|{hashlib.sha256(text.encode()).hexdigest()}"


def send_once(engine: Engine, urls: Sequence[str], alert: Alert, secrets: Sequence[str] = ()) -> Sent:
    """Post an alert unless one with its key was posted before; a repeat is counted.

    Args:
        engine: the operational database.
        urls: of apprise, or ``sns:`` and ``ses:`` (``loaders/aws/messages.py``); none: it is written to the log.
        alert: what to say.
        secrets: values that must not leave in the text.

    Raises:
        AlertNotSentError: when a channel refused it; nothing is remembered then.
    """
    with engine.begin() as connection:
        if _count_repeat(connection, alert.key):
            return "repeated"
    alert = replace(alert, title=without_secrets(alert.title, secrets), body=without_secrets(alert.body, secrets))
    if urls:
        _post(urls, alert)
    logger.warning("%s\n%s", alert.title, alert.body)
    with engine.begin() as connection:
        _remember(connection, alert)
    return "sent" if urls else "logged"


def channel_names(urls: Sequence[str]) -> list[str]:
    """What the channels of URLs are called.

    Raises:
        AlertNotSentError: nobody understands one of them.
    """
    return [url.partition(":")[0] for url in urls if _open(url)]


def without_secrets(text: str, secrets: Sequence[str]) -> str:
    """The text with every secret masked."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, "***")
    return text


def _post(urls: Sequence[str], alert: Alert) -> None:
    """Hand an alert to every channel.

    One that was taken by some is done: posting it again would repeat it there for as long as the others are broken.
    """
    channels = [(url.partition(":")[0], _open(url)) for url in urls]
    refused = []
    for name, channel in channels:
        try:
            channel.send(alert.title, alert.body, alert.attachment)
        except LoaderError as error:
            refused.append(f"{name}: {' '.join(str(error).split())}")
    if refused:
        told = f"{len(refused)} of {len(channels)} channels did not take {alert.title!r}: {'; '.join(refused)}"
        if len(refused) == len(channels):
            raise AlertNotSentError(f"{told} It is tried again.")
        logger.error(told)


def _open(url: str) -> Channel:
    """The channel of a URL; no message shows the URL, which may hold a password."""
    try:
        return open_channel(url) or _Apprise(url)
    except LoaderError as error:
        raise AlertNotSentError(str(error)) from None


class _Apprise:
    """A channel that apprise knows."""

    def __init__(self, url: str) -> None:
        import apprise  # noqa: PLC0415 - half a second of imports that a quiet day saves

        self._text = apprise.NotifyFormat.TEXT
        self._server = apprise.Apprise()
        if not self._server.add(url):
            raise PermanentError(
                "Opening a channel for alerts",
                "its URL is not one that apprise understands",
                "Correct BILLSYNC_ALERT_URLS or BILLSYNC_REPORT_URLS.",
            )

    def send(self, title: str, body: str, attachment: Path | None = None) -> None:
        files = str(attachment) if attachment else None
        answer = self._server.notify(title=title, body=body, body_format=self._text, attach=files)
        # notify() answers with an object whose status counts like exit codes: success is 0.
        if answer.status.name != "SUCCESS":
            raise TransientError("Posting an alert", f"the channel did not take it ({answer.status.name.lower()})")


def _count_repeat(connection: Connection, key: str) -> bool:
    counted = connection.execute(
        sa.update(alerts_sent)
        .where(alerts_sent.c.alert_key == key)
        .values(suppressed_count=alerts_sent.c.suppressed_count + 1)
    )
    return counted.rowcount > 0


def _remember(connection: Connection, alert: Alert) -> None:
    now = utc_now(connection)
    connection.execute(
        sa.insert(alerts_sent).values(
            alert_key=alert.key,
            first_sent_at=now,
            last_sent_at=now,
            sent_count=1,
            suppressed_count=0,
            detail=alert.title[:DETAIL_LENGTH],
        )
    )
