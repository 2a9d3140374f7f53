"""Answers that Orchestrator, or something before it, may give: nothing is believed that was not said.

The server here is written from the OData interface alone and shares no code with the sandbox's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from loaders.errors import LoaderError, PermanentError, TransientError
from loaders.exception_queue import ExceptionQueue
from loaders.http import HttpPolicy, HttpSession
from loaders.operational_db import open_engine, upgrade
from loaders.sources.landing import DeliveredFile
from loaders.uipath.exceptions import Robots, handed_over
from loaders.uipath.files import FileJob, Patience, RobotFiles
from loaders.uipath.orchestrator import Orchestrator
from loaders.uipath.tokens import PersonalToken
from tests.unit.loaders.loopback import Request, json_server
from tests.unit.loaders.uipath.tenant import ASSIGNMENTS, DAY, QUEUE, id_of, problem

LOGON_PAGE = b"<!DOCTYPE html><html><title>Sign in</title></html>"
Answer = tuple[int, Any]
Odd = Callable[[Request], Answer | None]


@dataclass
class Tenant:
    """Queues, items and jobs in memory; ``odd`` may answer first.

    Attributes:
        page: the most rows in an answer, whatever is asked for.
        tells: how an answer says that there is more: "link", "count" or nothing.
    """

    items: list[dict[str, Any]] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    queue: dict[str, Any] = field(default_factory=lambda: {"Id": 7, "Name": QUEUE, "EnforceUniqueReference": True})
    page: int = 100
    tells: str = "link"
    odd: Odd = lambda _: None

    def respond(self, request: Request) -> Answer:
        return self.odd(request) or self.usual(request)

    def usual(self, request: Request) -> Answer:
        entity = request.path.rsplit("/odata/", 1)[1]
        if entity.endswith("AddQueueItem"):
            return self.add(request.body["itemData"])
        if entity.endswith("StartJobs"):
            return self.start(request.body["startInfo"])
        rows = {
            "QueueDefinitions": [self.queue],
            "Releases": [{"Id": 1, "Name": "Fetch", "Key": "key-1"}],
            "QueueItems": self.items,
            "Jobs": self.jobs,
        }[entity]
        return 200, self.listed(rows, request)

    def add(self, item: dict[str, Any]) -> Answer:
        if any(one["Reference"] == item["Reference"] for one in self.items):
            return 409, {
                "message": "Error creating Transaction. Duplicate Reference.",
                "errorCode": 1016,
                "traceId": "t",
            }
        self.items.append({"Id": 1000 + len(self.items), "QueueDefinitionId": 7, "Status": "New", **item})
        return 201, self.items[-1]

    def start(self, start: dict[str, Any]) -> Answer:
        self.jobs.append(
            {"Id": 500 + len(self.jobs), "State": "Running", "Reference": start["Reference"], "Info": None}
        )
        return 201, {"value": [self.jobs[-1]]}

    def listed(self, rows: list[dict[str, Any]], request: Request) -> dict[str, Any]:
        wanted = re.findall(r"(\w+) eq (?:'((?:[^']|'')*)'|(\d+))", request.query.get("$filter", ""))
        texts = {text.replace("''", "'") for _, text, _ in wanted if text}
        numbers = {(name, int(number)) for name, _, number in wanted if number}
        found = [
            row
            for row in rows
            if (not texts or texts & {row.get("Name"), row.get("Reference")})
            and all(row.get(name) == number for name, number in numbers)
        ]
        found.sort(key=lambda row: row["Id"], reverse="desc" in request.query.get("$orderby", ""))
        skip, top = int(request.query.get("$skip", 0)), min(self.page, int(request.query.get("$top", 100)))
        answer: dict[str, Any] = {"value": found[skip : skip + top]}
        if self.tells == "count" and request.query.get("$count") == "true":
            answer["@odata.count"] = len(found)
        if self.tells == "link" and skip + top < len(found):
            answer["@odata.nextLink"] = f"https://elsewhere.invalid/odata/QueueItems?$skip={skip + top}"
        return answer


@dataclass
class World:
    """The tenant and our side."""

    tenant: Tenant
    robots: Robots
    files: RobotFiles
    queue: ExceptionQueue

    def detect(self, count: int = 1) -> list[str]:
        numbers = [f"{4001000000 + number}" for number in range(count)]
        problems = [problem("READ_MISSING_DAY", number) for number in numbers]
        scope = [{"rule_code": "READ_MISSING_DAY", "nmi": None, "contract_id": None}]
        self.queue.merge(problems, scope, first_day=DAY, last_day=DAY, actor="billsync run")
        return [id_of("READ_MISSING_DAY", number) for number in numbers]

    def states(self) -> set[str]:
        return {row["state"] for row in self.queue.list_rows()}

    def fetch(self, *looks: list[DeliveredFile]) -> list[DeliveredFile]:
        left = list(looks)
        return list(
            self.files.fetch(FileJob("retailer", "Fetch"), DAY, "f", lambda: left.pop(0) if len(left) > 1 else left[0])
        )


@contextmanager
def serve(folder: Path) -> Iterator[World]:
    tenant = Tenant()
    with json_server(tenant.respond) as server:
        url = server.base_url.replace("/cds-au/v1", "/org/tenant/orchestrator_")
        session = HttpSession(HttpPolicy(max_attempts=2, first_wait_seconds=0.01), sleep=lambda _: None)
        client = Orchestrator(session, PersonalToken("personal-token"), url, "Shared/Billing")
        engine = open_engine(f"sqlite:///{folder}/ledger.db")
        upgrade(engine)
        now = [0.0]

        def sleep(seconds: float) -> None:
            now[0] += seconds

        patience = Patience(wait_seconds=300, file_seconds=60, poll_seconds=15)
        files = RobotFiles(engine, client, patience, sleep, lambda: now[0])
        yield World(tenant, Robots(engine, client, ASSIGNMENTS), files, ExceptionQueue(engine))
        engine.dispose()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with serve(tmp_path) as one:
        yield one


def on(entity: str, *answers: Answer) -> Odd:
    """These answers to the next requests for an entity."""
    left = list(answers)
    return lambda request: left.pop(0) if left and request.path.endswith(entity) else None


@pytest.mark.parametrize("tells", ["link", "count"])
def test_collect_server_gives_smaller_pages_than_asked_for_finds_every_item(world: World, tells: str) -> None:
    world.tenant.page, world.tenant.tells = 3, tells
    world.detect(20)
    assert world.robots.send().sent == 20
    for item in world.tenant.items:
        item["Status"] = "Successful"
    outcome = world.robots.collect()
    assert (outcome.done, outcome.failed, outcome.problems) == (20, 0, [])
    assert world.states() == {"RESOLVED"}


def test_collect_twice_moves_an_exception_once(world: World) -> None:
    [key] = world.detect()
    world.robots.send()
    world.tenant.items[0]["Status"] = "Successful"
    assert (world.robots.collect().done, world.robots.collect().done) == (1, 0)
    events = [entry["event"] for entry in world.queue.show(key)["history"]]
    assert events.count("robot_done") == 1


@pytest.mark.parametrize("unique", [{}, {"EnforceUniqueReference": None}])
def test_send_queue_that_does_not_say_it_is_unique_gets_nothing(world: World, unique: dict[str, Any]) -> None:
    world.tenant.queue = {"Id": 7, "Name": QUEUE, **unique}
    world.detect()
    assert "Enforce unique references" in world.robots.send().problems[0]
    assert world.tenant.items == []


def test_send_logon_page_instead_of_an_item_is_no_item(world: World) -> None:
    [key] = world.detect()
    world.tenant.odd = on("AddQueueItem", (200, LOGON_PAGE))
    outcome = world.robots.send()
    assert outcome.sent == 0
    assert "logon" in outcome.problems[0]
    assert handed_over(world.robots.engine)[key].event == "robot_sending"
    assert world.robots.send().sent == 1
    assert world.robots.collect().waiting == 1


@pytest.mark.parametrize(
    "answer",
    [
        (400, LOGON_PAGE),
        (422, {"error": "proxy"}),
        (400, {"message": "A folder is required for this action.", "errorCode": 1101}),
        (403, {"message": "You are not authorized!", "errorCode": 0}),
        (500, {"message": "An error has occurred.", "errorCode": 0}),
    ],
)
def test_send_refusal_that_is_not_about_the_item_is_tried_again_by_the_next_pass(world: World, answer: Answer) -> None:
    [key] = world.detect()
    world.tenant.odd = on("AddQueueItem", answer, answer)
    outcome = world.robots.send()
    assert (outcome.sent, outcome.refused, len(outcome.problems)) == (0, 0, 1)
    world.tenant.odd = on("nothing")
    assert world.robots.send().sent == 1
    assert [item["Reference"] for item in world.tenant.items] == [key]


def test_send_refusal_of_the_item_itself_is_a_persons_to_look_at(world: World) -> None:
    [key] = world.detect()
    refused = (400, {"message": "Invalid argument 'SpecificContent'.", "errorCode": 0, "traceId": "t"})
    world.tenant.odd = on("AddQueueItem", refused)
    assert world.robots.send().refused == 1
    assert "Invalid argument" in world.queue.show(key)["state_reason"]
    assert world.states() == {"OPEN"}


@pytest.mark.parametrize("answer", [(200, LOGON_PAGE), (200, {"value": [{"Reference": "x"}]}), (200, {"value": ["x"]})])
def test_collect_answer_that_is_no_list_of_items_decides_nothing(world: World, answer: Answer) -> None:
    world.detect()
    world.robots.send()
    world.tenant.odd = on("QueueItems", answer)
    outcome = world.robots.collect()
    assert (outcome.done, outcome.failed, len(outcome.problems)) == (0, 0, 1)
    world.tenant.items[0]["Status"] = "Successful"
    assert world.robots.collect().done == 1


def test_collect_failure_with_a_kind_and_no_details_says_the_kind(world: World) -> None:
    [key] = world.detect()
    world.robots.send()
    world.tenant.items[0].update(Status="Failed", ProcessingException=None, ProcessingExceptionType="BusinessException")
    world.robots.collect()
    assert "BusinessException" in world.queue.show(key)["state_reason"]


def test_collect_item_that_a_person_retried_after_its_failure_moves_the_exception(world: World) -> None:
    [key] = world.detect()
    world.robots.send()
    world.tenant.items[0]["Status"] = "Failed"
    assert (world.robots.collect().failed, world.robots.collect().failed) == (1, 0)
    world.tenant.items.append({**world.tenant.items[0], "Id": 2000, "Status": "InProgress"})
    assert (world.robots.collect().done, world.states()) == (0, {"OPEN"})
    world.tenant.items[-1]["Status"] = "Successful"
    assert (world.robots.collect().done, world.robots.collect().done) == (1, 0)
    assert world.states() == {"RESOLVED"}
    events = [entry["event"] for entry in world.queue.show(key)["history"]]
    assert events == ["detect", "robot_sending", "robot_sent", "robot_failed", "robot_done"]


def test_collect_failed_item_whose_exception_a_person_decided_is_asked_for_no_more(world: World) -> None:
    [key] = world.detect()
    world.robots.send()
    world.tenant.items[0]["Status"] = "Failed"
    world.robots.collect()
    world.queue.waive(key, actor="mara", reason="site demolished")
    world.tenant.items[0]["Status"] = "Successful"
    assert world.robots.collect().done == 0
    assert world.states() == {"WAIVED"}


def test_queue_of_another_name_is_not_taken_for_ours(world: World) -> None:
    world.detect()
    world.tenant.odd = on("QueueDefinitions", (200, {"value": [{**world.tenant.queue, "Name": "Payroll"}]}))
    assert "gave another" in world.robots.send().problems[0]
    assert world.tenant.items == []


FILE = DeliveredFile("retailer_1.csv", 10, "1")


@pytest.mark.parametrize(
    "answer", [(201, LOGON_PAGE), (500, {"message": "oops", "errorCode": 0}), (200, {"value": []})]
)
def test_fetch_start_with_an_answer_that_names_no_job_is_never_started_twice(world: World, answer: Answer) -> None:
    tenant = world.tenant

    def starts_and_says_nonsense(request: Request) -> Answer | None:
        if not request.path.endswith("StartJobs"):
            return None
        tenant.start(request.body["startInfo"])
        tenant.jobs[-1]["State"] = "Successful"
        return answer

    tenant.odd = starts_and_says_nonsense
    assert world.fetch([FILE]) == [FILE]
    assert len(tenant.jobs) == 1


def test_fetch_start_that_nobody_can_tell_of_is_settled_by_the_next_run(world: World) -> None:
    tenant = world.tenant

    def starts_and_breaks(request: Request) -> Answer | None:
        if request.path.endswith("StartJobs"):
            tenant.start(request.body["startInfo"])
            return 201, LOGON_PAGE
        return (200, LOGON_PAGE) if request.path.endswith("/Jobs") and tenant.jobs else None

    tenant.odd = starts_and_breaks
    with pytest.raises(LoaderError):
        world.fetch([FILE])
    tenant.odd = on("nothing")
    tenant.jobs[0]["State"] = "Successful"
    assert world.fetch([FILE]) == [FILE]
    assert len(tenant.jobs) == 1


def test_fetch_orchestrator_away_while_the_job_runs_is_waited_out(world: World) -> None:
    away = (503, {"message": "maintenance", "errorCode": 0})
    usual = world.tenant.usual
    asked = [0]

    def away_for_a_while(request: Request) -> Answer | None:
        if not request.path.endswith("/Jobs") or not world.tenant.jobs:
            return None
        asked[0] += 1
        if asked[0] <= 4:
            return away
        world.tenant.jobs[0]["State"] = "Successful"
        return usual(request)

    world.tenant.odd = away_for_a_while
    assert world.fetch([FILE]) == [FILE]


@pytest.mark.parametrize("state", ["Pending", "Suspended", "Stopping", "Resumed", "SomethingNew"])
def test_fetch_job_in_a_state_that_is_no_end_is_waited_for_and_kept(world: World, state: str) -> None:
    def runs(request: Request) -> Answer | None:
        for job in world.tenant.jobs:
            job["State"] = state
        return None

    world.tenant.odd = runs
    with pytest.raises(TransientError, match=f"it is {state} after 300 s"):
        world.fetch([])
    world.tenant.odd = on("nothing")
    world.tenant.jobs[0]["State"] = "Successful"
    assert world.fetch([FILE]) == [FILE]
    assert len(world.tenant.jobs) == 1


def test_fetch_job_of_another_is_not_taken_for_ours(world: World) -> None:
    stranger = {"Id": 1, "State": "Successful", "Reference": "payroll", "Info": None}
    world.tenant.odd = on("/Jobs", (200, {"value": [stranger]}))
    with pytest.raises(PermanentError, match=r"2022\.10"):
        world.fetch([FILE])
    assert world.tenant.jobs == []


def test_fetch_file_that_is_still_empty_is_waited_for(world: World) -> None:
    empty = DeliveredFile("retailer_1.csv", 0, "0")
    world.tenant.jobs.append({"Id": 1, "State": "Successful", "Reference": "billsync:retailer:2026-03-05:1"})
    assert world.fetch([empty], [empty], [empty], [FILE], [FILE]) == [FILE]


def test_fetch_file_that_stays_empty_is_told_as_none(world: World) -> None:
    world.tenant.jobs.append({"Id": 1, "State": "Successful", "Reference": "billsync:retailer:2026-03-05:1"})
    with pytest.raises(PermanentError, match="no file beginning with retailer came"):
        world.fetch([DeliveredFile("retailer_1.csv", 0, "0")])


def test_folder_with_letters_that_no_header_carries_is_told(world: World) -> None:
    world.robots.orchestrator.folder = "Shared/Abrechnung \N{EN DASH} Zähler"
    world.detect()
    assert "folder's number" in world.robots.send().problems[0]
