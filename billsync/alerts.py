"""Alerts: sent once, counted when they repeat, and never lost in silence.

What belongs here: the one place that posts to ``BILLSYNC_ALERT_URLS`` and remembers what was posted. What stays out:
deciding what deserves an alert (``orchestration/sensors``).

An alert is remembered only after its post succeeded; a failed post raises, so the caller tries again later.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

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
    """

    subject: tuple[str, ...]
    title: str
    body: str

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
        urls: apprise URLs; none means the alert is written to the log.
        alert: what to say.
        secrets: values that must not leave in the text.

    Raises:
        AlertNotSentError: when a channel refused it; nothing is remembered then.
    """
    with engine.begin() as connection:
        if _count_repeat(connection, alert.key):
            return "repeated"
    alert = Alert(alert.subject, without_secrets(alert.title, secrets), without_secrets(alert.body, secrets))
    if urls:
        _post(urls, alert)
    logger.warning("%s\n%s", alert.title, alert.body)
    with engine.begin() as connection:
        _remember(connection, alert)
    return "sent" if urls else "logged"


def without_secrets(text: str, secrets: Sequence[str]) -> str:
    """The text with every secret masked."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, "***")
    return text


def _post(urls: Sequence[str], alert: Alert) -> None:
    import apprise  # noqa: PLC0415 - half a second of imports that a quiet day saves

    channels = apprise.Apprise()
    for url in urls:
        if not channels.add(url):
            # The URL itself may hold a password, so it is not shown.
            msg = "a URL in BILLSYNC_ALERT_URLS is not one that apprise understands"
            raise AlertNotSentError(msg)
    answer = channels.notify(title=alert.title, body=alert.body, body_format=apprise.NotifyFormat.TEXT)
    # notify() answers with an object whose status counts like exit codes: success is 0.
    status = answer.status.name
    if status == "PARTIAL":
        # Posting again would repeat it on the channels that took it, for as long as the others are broken.
        logger.error("not every channel of BILLSYNC_ALERT_URLS took the alert %s", alert.title)
    elif status != "SUCCESS":
        msg = f"no channel of BILLSYNC_ALERT_URLS took the alert ({status.lower()}); it is tried again"
        raise AlertNotSentError(msg)


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
