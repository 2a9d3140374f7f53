"""Alerts: posted once over real HTTP, counted when repeated, tried again when a post fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from billsync.alerts import Alert, AlertNotSentError, send_once
from loaders.operational_db import alerts_sent, open_engine, reading, upgrade
from tests.alert_receiver import Receiver, serving

ALERT = Alert(("check", "marts/fct_daily_usage", "2026-03-05", "ERROR"), "a check failed", "the password is hunter2")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with serving() as server:
        yield server


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    found = open_engine(f"sqlite:///{tmp_path}/ledger.db")
    upgrade(found)
    return found


def _counted(engine: Engine) -> tuple[int, int]:
    with reading(engine) as connection:
        row = connection.execute(sa.select(alerts_sent.c.sent_count, alerts_sent.c.suppressed_count)).one()
    return row.sent_count, row.suppressed_count


def test_send_once_posts_the_first_and_counts_the_rest(engine: Engine, receiver: Receiver) -> None:
    answers = [send_once(engine, [receiver.url], ALERT) for _ in range(3)]
    assert answers == ["sent", "repeated", "repeated"]
    assert [post["title"] for post in receiver.posts] == ["a check failed"]
    assert _counted(engine) == (1, 2)


def test_send_once_posts_another_day_of_the_same_check(engine: Engine, receiver: Receiver) -> None:
    other = Alert(("check", "marts/fct_daily_usage", "2026-03-06", "ERROR"), "a check failed", "again")
    assert [send_once(engine, [receiver.url], alert) for alert in (ALERT, other)] == ["sent", "sent"]
    assert len(receiver.posts) == 2


def test_send_once_after_a_failed_post_raises_and_posts_again(engine: Engine, receiver: Receiver) -> None:
    receiver.status = 500
    with pytest.raises(AlertNotSentError):
        send_once(engine, [receiver.url], ALERT)
    receiver.status = 200
    assert send_once(engine, [receiver.url], ALERT) == "sent"
    assert len(receiver.posts) == 2


def test_send_once_masks_secrets(engine: Engine, receiver: Receiver) -> None:
    send_once(engine, [receiver.url], ALERT, secrets=["hunter2"])
    assert receiver.posts[0]["message"] == "the password is ***"


def test_send_once_without_urls_writes_to_the_log_once(engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
    assert [send_once(engine, [], ALERT) for _ in range(2)] == ["logged", "repeated"]
    assert [record.message.splitlines()[0] for record in caplog.records if record.name == "billsync.alerts"] == [
        "a check failed"
    ]


def test_send_once_with_a_url_nobody_understands_raises_without_showing_it(engine: Engine) -> None:
    with pytest.raises(AlertNotSentError) as caught:
        send_once(engine, ["nonsense://user:hunter2@host"], ALERT)
    assert "hunter2" not in str(caught.value)


def test_alert_key_of_a_long_subject_is_bounded_and_distinct() -> None:
    one, other = (Alert(("check", "x" * 400, end), "t", "b").key for end in ("a", "b"))
    assert len(one) <= 300
    assert one != other
