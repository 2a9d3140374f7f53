"""A report on its way to people: kept where ``BILLSYNC_REPORTS`` says, and sent to ``BILLSYNC_REPORT_URLS``.

What belongs here: the key of a kept report, and what is said of it. What stays out: its content, storing
(``loaders/archive.py``) and channels (``billsync/alerts.py``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy.engine import Engine

from billsync.alerts import Alert, send_once
from billsync.settings import Settings
from loaders.archive import open_archive, sha256_of
from loaders.sources.landing import DAY_PREFIX


def keep_report(settings: Settings, day: date, path: Path) -> str | None:
    """Keep a copy of a report where reports are kept; None where nothing is kept.

    Raises:
        LoaderError: it could not be stored.
    """
    place = settings.get("REPORTS")
    return open_archive(place).put(report_name(day, path), path) if place else None


def report_name(day: date, path: Path) -> str:
    """The key of a report: its day, when it was made, so that the last one sorts last, and what it holds."""
    made_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return f"{DAY_PREFIX}{day}/{made_at:%Y%m%dT%H%M%SZ}-{sha256_of(path).hex()[:16]}/{path.name}"


def publish(engine: Engine, settings: Settings, reports: Mapping[date, Path], told: str) -> dict[str, str]:
    """Keep the reports of a run, and send the last day's to the people who want it; returns facts of it.

    Args:
        engine: the operational database, which remembers what was sent: once for each thing that is said of a day.
        settings: where to and to whom.
        reports: the reports by billing day.
        told: the last day in short.

    Raises:
        LoaderError: one could not be kept.
        AlertNotSentError: nobody took the last one; it is sent by the next run.
    """
    kept = {day: keep_report(settings, day, path) for day, path in reports.items()}
    last = max(reports)
    facts = {"kept at": kept[last]}
    if settings.report_urls:
        alert = Alert(
            ("report", str(last), hashlib.sha256(told.encode()).hexdigest()[:16]),
            f"billsync {last}: the report of the day",
            f"{told}\n\nThe report: {kept[last] or reports[last]}",
            reports[last],
        )
        facts["sent"] = send_once(engine, settings.report_urls, alert, settings.secrets)
    return {name: fact for name, fact in facts.items() if fact}
