"""The arrival sensor: what lands late starts one run, by content, whatever becomes of cursors, stamps and runs."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from loaders.sources.landing import LocalLanding
from loaders.sources.meter_files import extract_meter_files
from orchestration.jobs import BILLING_DAY
from orchestration.outcomes import READ, SourceOutcome, outcome_write
from orchestration.sensors.arrivals import (
    CONTENT_TAG,
    HOURS_BETWEEN_FULL_LOOKS,
    MOST_ATTEMPTS,
    build_arrival_sensor,
    look_for_arrivals,
)
from orchestration.systems import Systems

DAY, LATER = date(2026, 3, 5), date(2026, 4, 14)
LONG_AFTER = datetime(2026, 5, 1, tzinfo=UTC)
RECORD = "200,NMI0000001,E1,1,E1,N1,S1,kWh,30,\n300,20260305," + ",".join(["1"] * 48) + ",A,,,20260306010000,\n"
FILE = f"100,NEM12,202603060000,MDP,RETAILER\n{RECORD}900\n"


class World:
    """A landing folder, a warehouse, and runs that read what landed."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.folder, self.instance = folder, instance
        self.landing = LocalLanding(folder / "landing")
        self.landing.folder.mkdir()
        self.environ = {
            "BILLSYNC_ENV": "test", "BILLSYNC_HOME": str(folder), "BILLSYNC_LANDING": str(folder / "landing"),
        }  # fmt: skip
        self.systems = Systems(self.environ)

    def land(self, day: date, content: bytes = FILE.encode(), name: str = "one.csv") -> Path:
        path = self.landing.folder / "nem12" / f"billing_day={day}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def read(self, day: date) -> None:
        """What a run of a day does with its deliveries."""
        self.systems.ensure_raw_schema()
        folder = self.folder / "staging" / f"{day}-{len(list(self.folder.glob('staging/*')))}"
        extract = extract_meter_files(self.landing, day, folder)
        outcome = SourceOutcome(day, "meter_files", READ, "", 1, LONG_AFTER, LONG_AFTER)
        self.systems.warehouse.replace([*extract.writes, outcome_write(outcome, folder / "outcome")])

    def tick(self, now: datetime = LONG_AFTER) -> dg.RunRequest | dg.SkipReason:
        return look_for_arrivals(self.systems, self.instance, now)

    def asked(self, now: datetime = LONG_AFTER) -> dg.RunRequest:
        answer = self.tick(now)
        assert isinstance(answer, dg.RunRequest), answer
        return answer

    def add_run(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> None:
        """A run that was asked for, as the instance remembers it."""
        run = dg.DagsterRun(job_name=BILLING_DAY, status=status, tags=dict(request.tags))
        self.instance.add_run(run)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with dg.instance_for_test() as instance:
        yield World(tmp_path, instance)


def _skipped(answer: dg.RunRequest | dg.SkipReason | None, words: str) -> bool:
    return isinstance(answer, dg.SkipReason) and words in (answer.skip_message or "")


def test_revision_that_lands_forty_days_later_starts_the_run_of_its_delivery(world: World) -> None:
    world.land(DAY)
    world.read(DAY)
    assert _skipped(world.tick(), "every delivery has been read")
    world.land(LATER, FILE.replace("20260306010000", "20260414010000").encode())
    request = world.asked()
    assert request.partition_key == LATER.isoformat()
    world.read(LATER)
    assert _skipped(world.tick(), "every delivery has been read")


def test_late_file_in_the_folder_of_a_day_that_was_run_starts_it_again(world: World) -> None:
    world.land(DAY)
    world.read(DAY)
    world.land(DAY, FILE.replace("NMI0000001", "NMI0000002").encode(), "late.csv")
    assert world.asked().partition_key == DAY.isoformat()


def test_same_content_asks_under_the_same_key_and_another_content_under_another(world: World) -> None:
    path = world.land(DAY)
    first = world.asked().run_key
    os.utime(path, ns=(1, 1))
    assert world.asked().run_key == first
    world.land(DAY, FILE.replace("S1", "S2").encode())
    assert world.asked().run_key != first


@pytest.mark.parametrize("content", [FILE.encode(), gzip.compress(FILE.encode())], ids=["plain", "gzip"])
def test_file_that_was_only_touched_after_its_run_starts_nothing(world: World, content: bytes) -> None:
    path = world.land(DAY, content)
    world.read(DAY)
    os.utime(path, ns=(1, 1))
    assert _skipped(world.tick(), "every delivery has been read")


def test_run_under_way_is_waited_for(world: World) -> None:
    world.land(DAY)
    world.add_run(world.asked(), dg.DagsterRunStatus.STARTED)
    assert _skipped(world.tick(), "running")


def test_failed_run_is_asked_for_again_a_few_times_and_then_a_person_is_told(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.land(DAY)
    keys = []
    for _ in range(MOST_ATTEMPTS):
        request = world.asked()
        keys.append(request.run_key)
        world.add_run(request, dg.DagsterRunStatus.FAILURE)
    assert len(set(keys)) == MOST_ATTEMPTS
    assert _skipped(world.tick(), "a person was told")
    assert "1 files have landed and 3 runs did not read them" in caplog.text


def test_deliveries_of_a_day_whose_own_run_is_not_due_are_left_to_it(world: World) -> None:
    world.land(DAY)
    # 06:00 of the morning after in market time (UTC+10) is 20:00 UTC of the day.
    due = datetime(2026, 3, 5, 20, 0, tzinfo=UTC)
    assert _skipped(world.tick(due - timedelta(seconds=1)), "every delivery has been read")
    assert world.asked(due).partition_key == DAY.isoformat()


def test_day_that_never_ran_goes_before_revisions_of_days_that_did(world: World) -> None:
    world.land(LATER)
    world.read(LATER)
    world.land(DAY)
    world.land(LATER, b"changed")
    request = world.asked()
    assert request.partition_key == DAY.isoformat()
    assert CONTENT_TAG in request.tags


Tick = Callable[[str | None], tuple[dg.RunRequest | dg.SkipReason | None, str | None]]


@pytest.fixture
def sensor_tick(world: World, monkeypatch: pytest.MonkeyPatch) -> Tick:
    """One evaluation of the sensor itself, today, with a cursor; returns its answer and the cursor after it."""
    for name, value in world.environ.items():
        monkeypatch.setenv(name, value)
    sensor = build_arrival_sensor(runs_by_default=False)

    def tick(cursor: str | None) -> tuple[dg.RunRequest | dg.SkipReason | None, str | None]:
        context = dg.build_sensor_context(instance=world.instance, cursor=cursor)
        return sensor(context), context.cursor  # type: ignore[return-value]

    return tick


def test_sensor_looks_at_every_day_when_its_cursor_is_lost_or_old_and_else_at_recent_ones(
    world: World, sensor_tick: Tick
) -> None:
    world.land(LATER)
    world.read(LATER)
    answer, cursor = sensor_tick(None)
    assert _skipped(answer, "every delivery has been read")
    assert cursor is not None
    world.land(DAY - timedelta(days=1))
    assert _skipped(sensor_tick(cursor)[0], "every delivery has been read")
    old = (datetime.fromisoformat(cursor) - timedelta(hours=HOURS_BETWEEN_FULL_LOOKS)).isoformat()
    requests = [sensor_tick(lost)[0] for lost in (old, None, "")]
    keys = {request.run_key for request in requests if isinstance(request, dg.RunRequest)}
    assert len(keys) == 1
    assert sensor_tick(old)[1] == old


def test_days_of_long_ago_that_are_replayed_are_recent_to_each_other(world: World, sensor_tick: Tick) -> None:
    _, cursor = sensor_tick(None)
    world.land(LATER)
    assert isinstance(sensor_tick(cursor)[0], dg.RunRequest)
    world.read(LATER)
    assert _skipped(sensor_tick(cursor)[0], "every delivery has been read")
    world.land(DAY)
    request = sensor_tick(cursor)[0]
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == DAY.isoformat()


def test_landing_that_cannot_be_listed_is_said_and_fails_no_tick(world: World) -> None:
    world.landing.folder.rmdir()
    assert _skipped(world.tick(), "cannot look now")
