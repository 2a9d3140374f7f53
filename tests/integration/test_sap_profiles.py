"""Interval profiles to the pretend SAP's EDM over real HTTP: each day once, changes as differences, whatever breaks."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from loaders.errors import PermanentError
from loaders.sap_isu.ledger import Ledger
from loaders.sap_isu.soap.client import SoapClient, SoapConnection
from loaders.sap_isu.soap.outbox import Outbox
from loaders.sap_isu.soap.profiles import ProfileDay, ProfileDays, ProfileResult, send_profiles
from loaders.sap_isu.soap.receiver import Receiver
from sandbox.faults import from_mapping
from sandbox.sap.soap import SOAP_PATH, SoapSettings
from tests.conftest import REPOSITORY
from tests.integration.sap_load_process import HTTP, open_ledger
from tests.unit.sandbox.conftest import World, sap  # noqa: F401 - the fixture
from tests.unit.sandbox.sap_world import PASSWORD, USER

FIRST = date(2026, 3, 1)
FLAT = ";".join(["0.25 W"] * 48)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path}/operations.db")


@pytest.fixture
def days(sap: World, ledger: Ledger) -> Iterator[ProfileDays]:  # noqa: F811
    receiver = Receiver(ledger.engine, host="127.0.0.1", port=0)
    sap.soap.settings = SoapSettings(confirmations_url=receiver.url)
    yield ProfileDays(ledger.engine)
    receiver.close()


def day_of(number: int, offset: int = 0, values: str = FLAT) -> ProfileDay:
    minutes = 1440 // len(values.split(";"))
    return ProfileDay(f"{number:018d}", FIRST + timedelta(days=offset), f"4103{number:06d}", "E1", minutes, values)


def send(
    world: World, days: ProfileDays, *, wait_seconds: float = 5.0, password: str = PASSWORD, harmless: str = "EE/903"
) -> ProfileResult:
    client = SoapClient(SoapConnection(world.client.url, USER, password, client="100", policy=HTTP))
    try:
        outbox = Outbox(days.engine, harmless_type_ids=[harmless])
        return send_profiles(days, client, outbox, wait_seconds=wait_seconds, days_per_bulk=4)
    finally:
        client.close()


def in_edm(world: World) -> dict[tuple[str, str], tuple[str | None, str]]:
    rows = world.store.rows("select profile_number, start_at, value, status from profile_values")
    return {(row["profile_number"], row["start_at"]): (row["value"], row["status"]) for row in rows}


def messages(world: World) -> list[tuple[str, int]]:
    rows = world.store.rows("select name, received_count from soap_messages order by rowid")
    return [("Change" if "Change" in row["name"] else "Create", row["received_count"]) for row in rows]


def test_planned_days_are_created_once_and_again_sends_nothing(sap: World, days: ProfileDays) -> None:  # noqa: F811
    planned = [day_of(number, offset) for number in (1, 2) for offset in range(3)]
    assert days.plan(planned) == 6
    result = send(sap, days)
    assert (result.sent, dict(result.states), result.problems) == (6, {"CONFIRMED": 6}, [])
    assert len(in_edm(sap)) == 6 * 48
    assert set(in_edm(sap).values()) == {("0.25", "W")}
    assert messages(sap) == [("Create", 1), ("Create", 1)]
    assert days.plan(planned) == 0
    assert send(sap, days).sent == 0


def test_five_minute_values_are_sent_as_they_were_delivered(sap: World, days: ProfileDays) -> None:  # noqa: F811
    days.plan([day_of(1, values=";".join(["0.0125 W"] * 288))])
    assert send(sap, days).problems == []
    stored = sorted(start for _, start in in_edm(sap))
    assert (len(stored), stored[0], stored[1]) == (288, "2026-02-28T14:00:00Z", "2026-02-28T14:05:00Z")


def test_revision_changes_only_what_differs(sap: World, days: ProfileDays) -> None:  # noqa: F811
    days.plan([day_of(1), day_of(2)])
    send(sap, days)
    with sap.store.writing() as connection:
        connection.execute("update profile_values set status = 'OLD'")
    assert days.plan([day_of(1, values=FLAT.replace("0.25", "0.75", 1)), day_of(2)]) == 1
    assert send(sap, days).states == {"CONFIRMED": 2}
    changed = {key: value for key, value in in_edm(sap).items() if value[1] != "OLD"}
    assert changed == {(f"{1:018d}", "2026-02-28T14:00:00Z"): ("0.75", "W")}
    assert messages(sap)[-1] == ("Change", 1)


def test_revision_and_back_before_it_is_sent_sends_nothing(sap: World, days: ProfileDays) -> None:  # noqa: F811
    days.plan([day_of(1)])
    send(sap, days)
    assert days.plan([day_of(1, values=FLAT.replace("0.25", "0.75", 1))]) == 1
    assert days.plan([day_of(1)]) == 0
    assert send(sap, days).sent == 0
    assert dict(days.counts()) == {"CONFIRMED": 1}


@pytest.mark.parametrize(
    "fault", ["cut-before", "cut-after", "503", "429", "html", "reset-before", "reset-after", "delay"]
)
def test_fault_on_the_wire_ends_with_each_interval_once(sap: World, days: ProfileDays, fault: str) -> None:  # noqa: F811
    sap.faults.add(from_mapping({"fault": fault, "count": 1, "path_prefix": SOAP_PATH, "seconds": 2, "retry_after": 0}))
    days.plan([day_of(1, offset) for offset in range(3)])
    result = send(sap, days)
    assert (result.states, result.problems) == ({"CONFIRMED": 3}, [])
    assert len(in_edm(sap)) == 3 * 48
    assert len(messages(sap)) == 1


def test_confirmation_that_does_not_come_lets_the_same_message_leave_again(sap: World, days: ProfileDays) -> None:  # noqa: F811
    sap.soap.settings.confirmations, sap.soap.settings.confirmations_left = "never", 1
    days.plan([day_of(1)])
    result = send(sap, days, wait_seconds=0.5)
    assert result.states == {"SENT": 1}
    assert "not confirmed: 1 SENT" in result.problems[0]
    assert messages(sap) == [("Create", 2)]
    with sap.store.writing() as connection:
        connection.execute("update soap_outbox set sent_at = null, due_at = 0")
    assert send(sap, days).states == {"CONFIRMED": 1}


def test_values_that_come_while_a_day_is_on_its_way_are_sent_when_sap_has_answered(
    sap: World,  # noqa: F811
    days: ProfileDays,
) -> None:
    sap.soap.settings.confirmation_delay_seconds = 1.0
    days.plan([day_of(1)])
    assert send(sap, days, wait_seconds=0.2).states == {"SENT": 1}
    assert days.plan([day_of(1, values=FLAT.replace("0.25", "0.75", 1))]) == 0
    assert send(sap, days, wait_seconds=5.0).states == {"CONFIRMED": 1}
    assert in_edm(sap)[f"{1:018d}", "2026-02-28T14:00:00Z"] == ("0.75", "W")


def test_day_that_edm_has_already_is_sent_as_a_change(sap: World, days: ProfileDays) -> None:  # noqa: F811
    days.plan([day_of(1)])
    send(sap, days)
    other = ProfileDays(open_ledger(f"sqlite:///{sap.folder}/other.db").engine)
    receiver = Receiver(other.engine, host="127.0.0.1", port=0)
    sap.soap.settings = SoapSettings(confirmations_url=receiver.url)
    other.plan([day_of(1, values=FLAT.replace("0.25", "0.75", 1))])
    assert send(sap, other).states == {"CONFIRMED": 1}
    receiver.close()
    assert in_edm(sap)[f"{1:018d}", "2026-02-28T14:00:00Z"] == ("0.75", "W")
    assert [kind for kind, _ in messages(sap)] == ["Create", "Create", "Change"]


def test_refused_day_is_told_with_saps_words_and_tried_again_when_it_is_planned_again(
    sap: World,  # noqa: F811
    days: ProfileDays,
) -> None:
    with sap.store.writing() as connection:
        connection.execute(
            "insert into profile_values values (?, '2026-02-28T14:00:00Z', '', '9', 'KWH', 'W')", (f"{1:018d}",)
        )
    days.plan([day_of(1), day_of(2)])
    result = send(sap, days, harmless="none")
    assert result.states == {"CONFIRMED": 1, "REJECTED": 1}
    assert "1 REJECTED" in result.problems[0]
    (refused,) = days.page(("REJECTED",), None, 10)
    assert "has a value" in refused["message"]
    with sap.store.writing() as connection:
        connection.execute("delete from profile_values where value = '9'")
    assert days.plan([day_of(1), day_of(2)]) == 1
    assert send(sap, days).states == {"CONFIRMED": 2}


def test_wrong_password_is_said_and_nothing_is_lost(sap: World, days: ProfileDays) -> None:  # noqa: F811
    days.plan([day_of(1)])
    with pytest.raises(PermanentError, match="401"):
        send(sap, days, password="wrong")
    assert dict(days.counts()) == {"PLANNED": 1}
    assert send(sap, days).states == {"CONFIRMED": 1}


def test_sending_killed_at_random_points_leaves_each_interval_once(sap: World, days: ProfileDays) -> None:  # noqa: F811
    line = [sys.executable, "-c", KILLED, sap.client.url, str(days.engine.url), PASSWORD]
    sap.faults.add(from_mapping({"fault": "delay", "count": 1000, "path_prefix": SOAP_PATH, "seconds": "0.05"}))
    sap.soap.settings.processing_delay_seconds = 0.05
    days.plan([day_of(number, offset) for number in range(1, 9) for offset in range(4)])
    chance = random.Random(7)
    kills = 0
    for _ in range(4):
        process = subprocess.Popen(line, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        assert process.stdout.readline() == "begin\n"
        time.sleep(chance.uniform(0.02, 0.4))
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    sap.faults.clear()
    result = send(sap, days, wait_seconds=2.0)
    assert kills > 0
    assert result.states == {"CONFIRMED": 32}
    assert len(in_edm(sap)) == 32 * 48
    verdicts = sap.store.rows("select body from soap_outbox")
    assert not any(b"EE/903" in row["body"] for row in verdicts)


KILLED = """
import sys
from loaders.operational_db import open_engine
from loaders.sap_isu.soap.client import SoapClient, SoapConnection
from loaders.sap_isu.soap.outbox import Outbox
from loaders.sap_isu.soap.profiles import ProfileDays, send_profiles
from tests.integration.sap_load_process import HTTP
from tests.unit.sandbox.sap_world import USER
engine = open_engine(sys.argv[2])
client = SoapClient(SoapConnection(sys.argv[1], USER, sys.argv[3], client="100", policy=HTTP))
print("begin", flush=True)
send_profiles(ProfileDays(engine), client, Outbox(engine), wait_seconds=0.3, days_per_bulk=2)
"""
