"""Files that robots fetch: one job a day, waited for until its file is whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
import sqlalchemy as sa

from loaders.errors import PermanentError, TransientError
from loaders.operational_db import run_log
from loaders.sources.landing import LocalLanding, folder_of_day
from loaders.uipath.files import FileJob, Patience, RobotFiles
from tests.unit.loaders.uipath.tenant import DAY, World

JOB = FileJob("retailer", "FetchMeterFiles")
FOLDER = "nem12/billing_day=2026-03-05"


class Clock:
    """Time that passes only by sleeping; something may happen while one sleeps."""

    def __init__(self, *happenings: Callable[[], object]) -> None:
        self.now = 0.0
        self.happenings = list(happenings)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.happenings:
            self.happenings.pop(0)()


def _files(uipath: World, clock: Clock) -> RobotFiles:
    patience = Patience(wait_seconds=600, file_seconds=60, poll_seconds=15)
    return RobotFiles(uipath.engine, uipath.orchestrator(), patience, clock.sleep, lambda: clock.now)


def _fetch(uipath: World, *happenings: Callable[[], object], job: FileJob = JOB) -> list[str]:
    uipath.landing.mkdir(exist_ok=True)
    landing = LocalLanding(uipath.landing)
    files = _files(uipath, Clock(*happenings)).fetch(job, DAY, folder_of_day(DAY), partial(landing.list_files, DAY))
    return [file.name for file in files]


def _nothing() -> None:
    pass


def _log(uipath: World) -> list[tuple[str, str | None]]:
    with uipath.engine.connect() as connection:
        query = sa.select(run_log.c.run_id, run_log.c.outcome).order_by(run_log.c.run_id)
        return [(row.run_id, row.outcome) for row in connection.execute(query)]


def _bring(uipath: World, file: str = "retailer_1.csv", text: str = "100,NEM12\n900\n") -> Callable[[], object]:
    return partial(uipath.control, "run", file=file, text=text)


def test_a_job_is_started_with_the_day_and_its_file_awaited(uipath: World) -> None:
    assert _fetch(uipath, _nothing, _bring(uipath)) == ["retailer_1.csv"]
    [job] = uipath.kept()["jobs"]
    assert job["Reference"] == "billsync:retailer:2026-03-05:1"
    assert job["InputArguments"] == (
        '{"in_BillingDay": "2026-03-05", "in_Folder": "nem12/billing_day=2026-03-05", "in_FilePrefix": "retailer"}'
    )
    assert _log(uipath) == [("retailer:2026-03-05:1", "LANDED")]


def test_a_day_that_has_its_file_starts_nothing_again(uipath: World) -> None:
    _fetch(uipath, _bring(uipath))
    assert _fetch(uipath) == ["retailer_1.csv"]
    assert len(uipath.kept()["jobs"]) == 1


def test_a_file_that_still_grows_is_waited_for(uipath: World) -> None:
    path = uipath.landing / FOLDER / "retailer_1.csv"

    def grow() -> None:
        with path.open("a") as file:
            file.write("200,MORE\n")

    clock = Clock(_bring(uipath), grow, grow)
    uipath.landing.mkdir(exist_ok=True)
    landing = LocalLanding(uipath.landing)
    _files(uipath, clock).fetch(JOB, DAY, FOLDER, partial(landing.list_files, DAY))
    assert clock.now == 15 * 4
    assert path.read_text().count("MORE") == 2


def test_files_of_others_in_the_folder_are_not_the_robots(uipath: World) -> None:
    with pytest.raises(PermanentError, match="no file beginning with retailer came"):
        _fetch(uipath, _bring(uipath, file="other.csv"))
    assert _log(uipath) == [("retailer:2026-03-05:1", "FAILED")]


@pytest.mark.parametrize("state", ["Faulted", "Stopped"])
def test_a_job_that_fails_is_told_with_its_words_and_the_next_run_starts_another(uipath: World, state: str) -> None:
    with pytest.raises(PermanentError, match=f"{state}: portal is down"):
        _fetch(uipath, partial(uipath.control, "run", state=state, info="portal is down"))
    assert _fetch(uipath, _bring(uipath)) == ["retailer_1.csv"]
    assert _log(uipath) == [("retailer:2026-03-05:1", "FAILED"), ("retailer:2026-03-05:2", "LANDED")]


def test_a_job_that_is_not_done_in_time_is_waited_for_by_the_next_run(uipath: World) -> None:
    with pytest.raises(TransientError, match="it is Pending after 600 s"):
        _fetch(uipath)
    assert _fetch(uipath, _bring(uipath)) == ["retailer_1.csv"]
    assert len(uipath.kept()["jobs"]) == 1
    assert _log(uipath) == [("retailer:2026-03-05:1", "LANDED")]


def test_a_kill_between_the_start_and_its_answer_starts_nothing_twice(uipath: World) -> None:
    files = _files(uipath, Clock())
    attempt = files._begin(JOB, DAY, None)
    key = files.orchestrator.release_key(JOB.process)
    files.orchestrator.start_job(JOB.process, key, f"billsync:{attempt.reference}", {"in_Folder": FOLDER})
    assert _fetch(uipath, _bring(uipath)) == ["retailer_1.csv"]
    assert len(uipath.kept()["jobs"]) == 1


def test_a_kill_before_the_start_left_the_building_starts_once(uipath: World) -> None:
    _files(uipath, Clock())._begin(JOB, DAY, None)
    assert _fetch(uipath, _bring(uipath)) == ["retailer_1.csv"]
    assert [job["Reference"] for job in uipath.kept()["jobs"]] == ["billsync:retailer:2026-03-05:1"]


def test_a_lost_answer_to_the_start_is_settled_by_asking(uipath: World) -> None:
    uipath.fault("cut-after", "Jobs/UiPath")
    assert _fetch(uipath, _bring(uipath)) == ["retailer_1.csv"]
    assert len(uipath.kept()["jobs"]) == 1


def test_a_start_that_surely_did_nothing_is_a_transient_failure_and_started_by_the_next_run(uipath: World) -> None:
    uipath.fault("cut-before", "Jobs/UiPath")
    with pytest.raises(TransientError):
        _fetch(uipath)
    assert _fetch(uipath, _bring(uipath)) == ["retailer_1.csv"]
    assert len(uipath.kept()["jobs"]) == 1


def test_a_process_that_the_folder_does_not_have_is_named(uipath: World) -> None:
    with pytest.raises(PermanentError, match="the process Nobody"):
        _fetch(uipath, job=replace(JOB, process="Nobody"))


def test_two_sources_of_one_day_have_a_job_each(uipath: World) -> None:
    _fetch(uipath, _bring(uipath))
    _fetch(uipath, _bring(uipath, file="network.csv"), job=FileJob("network", "FetchMeterFiles"))
    assert [reference for reference, _ in _log(uipath)] == ["network:2026-03-05:1", "retailer:2026-03-05:1"]
