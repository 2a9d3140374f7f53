"""The arrival sensor on S3: one run per object version, whatever becomes of cursors, and no object is read for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from loaders.sources.landing import open_landing
from loaders.sources.meter_files import extract_meter_files
from orchestration.outcomes import READ, SourceOutcome, outcome_write
from orchestration.sensors.arrivals import look_for_arrivals
from orchestration.systems import Systems
from tests.aws_stand_in import Proxy
from tests.unit.loaders.sources.meter_harness import DAY, day, header, mdff

NOW = datetime(2026, 5, 1, tzinfo=UTC)
TEXT = mdff(header(), day()).encode()


class World:
    """A bucket, a warehouse, and runs that read what landed."""

    def __init__(self, folder: Path, s3: Any, instance: dg.DagsterInstance) -> None:
        self.folder, self.s3, self.instance = folder, s3, instance
        environ = {"BILLSYNC_ENV": "test", "BILLSYNC_HOME": str(folder), "BILLSYNC_LANDING": "s3://landing/r"}
        self.systems = Systems(environ)
        self.runs = 0

    def land(self, content: bytes, on: date = DAY, name: str = "a.csv") -> None:
        self.s3.put_object(Bucket="landing", Key=f"r/nem12/billing_day={on}/{name}", Body=content)

    def read(self, on: date) -> None:
        self.runs += 1
        self.systems.ensure_raw_schema()
        staging = self.folder / "staging" / str(self.runs)
        extract = extract_meter_files(open_landing("s3://landing/r"), on, staging)
        outcome = SourceOutcome(on, "meter_files", READ, "", 1, NOW, NOW)
        self.systems.warehouse.replace([*extract.writes, outcome_write(outcome, staging / "outcome")])

    def asked(self) -> dg.RunRequest | None:
        answer = look_for_arrivals(self.systems, self.instance, NOW)
        return answer if isinstance(answer, dg.RunRequest) else None


@pytest.fixture
def world(s3: Any, tmp_path: Path) -> Iterator[World]:
    with dg.instance_for_test() as instance:
        yield World(tmp_path, s3, instance)


def test_object_version_asks_under_one_key_until_it_is_read_and_never_again(world: World, aws: Proxy) -> None:
    world.land(TEXT)
    first, again = world.asked(), world.asked()
    assert first
    assert again
    assert (first.run_key, first.partition_key) == (again.run_key, DAY.isoformat())
    assert aws.asked("GET", "a.csv") == []
    world.read(DAY)
    assert world.asked() is None


def test_same_content_put_again_asks_for_nothing_and_another_for_another_run(world: World) -> None:
    world.land(TEXT)
    first = world.asked()
    world.read(DAY)
    world.land(TEXT)
    assert world.asked() is None
    world.land(TEXT.replace(b"0.5", b"0.6"))
    second = world.asked()
    assert first
    assert second
    assert first.run_key != second.run_key


def test_file_that_comes_after_the_run_extends_its_day(world: World) -> None:
    world.land(TEXT)
    world.read(DAY)
    world.land(TEXT.replace(b"4103000011", b"4103000022"), name="late.csv")
    request = world.asked()
    assert request
    assert request.partition_key == DAY.isoformat()
    world.read(DAY)
    assert world.systems.warehouse.fetch("select count(*) as n from raw.meter_files") == [{"n": 2}]


def test_bucket_that_does_not_answer_fails_no_tick(world: World, aws: Proxy) -> None:
    world.land(TEXT)
    aws.fail("GET", "list-type", status=403, code="AccessDenied", times=9)
    answer = look_for_arrivals(world.systems, world.instance, NOW)
    assert isinstance(answer, dg.SkipReason)
    assert "may not do this" in (answer.skip_message or "")
