"""Exceptions to robots and back: once each, whatever breaks, and never over a person's decision."""

from __future__ import annotations

import pytest

from loaders.errors import PermanentError
from loaders.exception_queue import ExceptionState
from loaders.uipath.exceptions import Assignment, assignments_of, handed_over, reference_of
from tests.unit.loaders.uipath.tenant import ASSIGNMENTS, DAY, QUEUE, World, id_of, problem

MISSING = problem("READ_MISSING_DAY", "4001234567")
UNKNOWN = problem("NMI_UNKNOWN", "4007654321", severity="TERMINATE")
SPIKE = problem("READ_SPIKE", "4001111111")
KEY = id_of("READ_MISSING_DAY", "4001234567")


def _state(uipath: World, key: str = KEY) -> tuple[str, str, str]:
    row = uipath.queue.show(key)
    return row["state"], row["state_actor"], row["state_reason"]


def test_send_puts_assigned_exceptions_into_their_queues_and_leaves_the_others(uipath: World) -> None:
    uipath.detect(MISSING, UNKNOWN, SPIKE)
    outcome = uipath.robots().send()
    assert (outcome.sent, outcome.problems) == (2, [])
    items = {item["Reference"]: item for item in uipath.kept()["items"]}
    assert set(items) == {KEY, id_of("NMI_UNKNOWN", "4007654321")}
    assert items[KEY]["Priority"] == "Normal"
    assert items[id_of("NMI_UNKNOWN", "4007654321")]["Priority"] == "High"
    assert _state(uipath)[:2] == ("OPEN", f"uipath:{QUEUE}")


def test_a_robot_is_told_the_fields_of_its_assignment_and_nothing_else(uipath: World) -> None:
    uipath.detect(MISSING)
    uipath.robots().send()
    [item] = uipath.kept()["items"]
    assert item["SpecificContent"] == {
        "ExceptionId": KEY,
        "RuleCode": "READ_MISSING_DAY",
        "BillingDay": "2026-03-05",
        "Nmi": "4001234567",
        "FirstMarketDate": "2026-02-10",
    }


def test_a_detail_keeps_no_character_that_a_robot_cannot_take(uipath: World) -> None:
    uipath.detect(problem("READ_MISSING_DAY", "4001234567", detail='[1] of "E1"'))
    told = Assignment("READ_MISSING_DAY", QUEUE, ExceptionState.RESOLVED, 1, ("detail",))
    uipath.robots(READ_MISSING_DAY=told).send()
    assert uipath.kept()["items"][0]["SpecificContent"]["Detail"] == "(1) of 'E1'"


def test_sending_again_sends_nothing(uipath: World) -> None:
    uipath.detect(MISSING, UNKNOWN)
    uipath.robots().send()
    again = uipath.robots().send()
    assert (again.sent, again.already_there) == (0, 0)
    assert len(uipath.kept()["items"]) == 2


def test_an_item_that_the_queue_has_already_counts_as_there(uipath: World) -> None:
    uipath.detect(MISSING)
    uipath.orchestrator().add_item(QUEUE, KEY, "Normal", {"ExceptionId": KEY})
    outcome = uipath.robots().send()
    assert (outcome.sent, outcome.already_there, outcome.problems) == (0, 1, [])
    assert handed_over(uipath.engine)[KEY].event == "robot_sent"


@pytest.mark.parametrize("moment", ["robot_sending", "robot_sent"])
def test_a_kill_around_the_request_leaves_one_item_and_the_next_pass_knows_it(
    uipath: World, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    uipath.detect(MISSING)
    killed, note = uipath.robots(), type(uipath.queue).note

    class Killed(BaseException):
        pass

    def dies(self: object, exception_id: str, event: str, **more: object) -> object:
        if event == moment and event == "robot_sent":
            raise Killed
        done = note(self, exception_id, event, **more)  # type: ignore[arg-type]
        if event == moment:
            raise Killed
        return done

    monkeypatch.setattr(type(uipath.queue), "note", dies)
    with pytest.raises(Killed):
        killed.send()
    monkeypatch.undo()
    there_before = moment == "robot_sent"
    assert len(uipath.kept()["items"]) == there_before
    outcome = uipath.robots().send()
    assert (outcome.sent, outcome.already_there) == (not there_before, there_before)
    assert [item["Reference"] for item in uipath.kept()["items"]] == [KEY]
    assert handed_over(uipath.engine)[KEY].event == "robot_sent"


def test_a_result_of_an_item_whose_sending_was_never_noted_is_taken(
    uipath: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    uipath.detect(MISSING)
    uipath.fault("cut-after", "Queues", count=3)
    first = uipath.robots().send()
    assert "the connection was cut" in first.problems[0] or first.already_there == 1
    uipath.control("work")
    assert uipath.robots().collect().done == 1
    assert _state(uipath)[0] == "RESOLVED"
    assert len(uipath.kept()["items"]) == 1


def test_a_lost_answer_is_asked_again_and_the_duplicate_is_recognised(uipath: World) -> None:
    uipath.detect(MISSING)
    uipath.fault("cut-after", "Queues")
    outcome = uipath.robots().send()
    assert (outcome.sent, outcome.already_there, outcome.problems) == (0, 1, [])
    assert len(uipath.kept()["items"]) == 1


def test_success_moves_the_exception_as_its_assignment_says(uipath: World) -> None:
    uipath.detect(MISSING, UNKNOWN)
    uipath.robots().send()
    uipath.control("work", reason="file came")
    outcome = uipath.robots().collect()
    assert (outcome.done, outcome.failed, outcome.waiting) == (2, 0, 0)
    assert _state(uipath) == ("RESOLVED", f"uipath:{QUEUE}", "robot: Message: file came")
    assert _state(uipath, id_of("NMI_UNKNOWN", "4007654321"))[0] == "RELEASED"
    history = [entry["event"] for entry in uipath.queue.show(KEY)["history"]]
    assert history == ["detect", "robot_sending", "robot_sent", "robot_done"]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("Failed", "the robot failed: BusinessException: no such NMI"),
        ("Abandoned", "did not finish within a day"),
        ("Deleted", "somebody deleted it"),
    ],
)
def test_failure_leaves_the_exception_open_for_a_person_with_the_reason(uipath: World, status: str, words: str) -> None:
    uipath.detect(MISSING)
    uipath.robots().send()
    uipath.control("work", status=status, reason="no such NMI")
    assert uipath.robots().collect().failed == 1
    state, _, reason = _state(uipath)
    assert state == "OPEN"
    assert words in reason
    assert uipath.robots().send().sent == 0


def test_a_retry_is_waited_for_and_its_result_counts(uipath: World) -> None:
    uipath.detect(MISSING)
    uipath.robots().send()
    uipath.control("work", status="Retried")
    assert uipath.robots().collect().waiting == 1
    assert _state(uipath)[0] == "OPEN"
    uipath.control("work")
    assert uipath.robots().collect().done == 1
    assert _state(uipath)[0] == "RESOLVED"


def test_a_persons_decision_stands_when_the_robot_answers_later(uipath: World) -> None:
    uipath.detect(MISSING)
    uipath.robots().send()
    uipath.queue.waive(KEY, actor="mara", reason="site demolished")
    uipath.control("work")
    uipath.robots().collect()
    assert _state(uipath) == ("WAIVED", "mara", "site demolished")
    assert uipath.queue.show(KEY)["history"][-1]["event"] == "robot_done"


def test_an_exception_found_again_goes_under_a_reference_of_its_own_and_not_for_ever(uipath: World) -> None:
    uipath.detect(MISSING)
    for attempt in (1, 2):
        assert uipath.robots().send().sent == 1
        uipath.control("work")
        uipath.robots().collect()
        uipath.detect(MISSING)
        assert _state(uipath)[0] == "OPEN"
        assert uipath.kept()["items"][-1]["Reference"] == reference_of(KEY, attempt)
    assert uipath.robots().send().sent == 0
    assert len(uipath.kept()["items"]) == 2


def test_results_are_taken_of_more_items_than_one_page_and_one_filter_hold(uipath: World) -> None:
    some = [problem("READ_MISSING_DAY", f"{4001000000 + number}") for number in range(45)]
    uipath.detect(*some)
    assert uipath.robots().send().sent == 45
    uipath.control("work")
    assert uipath.robots().collect().done == 45
    assert {row["state"] for row in uipath.queue.list_rows()} == {"RESOLVED"}
    assert uipath.asked("QueueItems") == 3


def test_an_unreachable_queue_leaves_the_others_alone(uipath: World) -> None:
    uipath.detect(MISSING, UNKNOWN)
    lost = Assignment("NMI_UNKNOWN", "Nowhere", ExceptionState.RESOLVED, 1, ())
    outcome = uipath.robots(NMI_UNKNOWN=lost).send()
    assert outcome.sent == 1
    assert len(outcome.problems) == 1
    assert "Nowhere" in outcome.problems[0]


def test_a_queue_without_unique_references_gets_nothing(uipath: World) -> None:
    uipath.detect(MISSING)
    unsafe = Assignment("READ_MISSING_DAY", "Not unique", ExceptionState.RESOLVED, 1, ())
    outcome = uipath.robots(READ_MISSING_DAY=unsafe).send()
    assert "Enforce unique references" in outcome.problems[0]
    assert uipath.kept()["items"] == []


def test_an_item_that_orchestrator_refuses_stays_with_a_person(uipath: World) -> None:
    uipath.detect(problem("READ_MISSING_DAY", "4001234567", severity="ODD"), problem("READ_MISSING_DAY", "4002222222"))
    robots = uipath.robots()
    robots.orchestrator.add_item = _refusing(robots.orchestrator.add_item, KEY)  # type: ignore[method-assign]
    outcome = robots.send()
    assert (outcome.sent, outcome.refused, outcome.problems) == (1, 1, [])
    assert "not taken by robots" in _state(uipath)[2]


def _refusing(add: object, key: str) -> object:
    def add_item(queue: str, reference: str, priority: str, content: object) -> bool:
        return add(queue, reference, "Urgent" if reference == key else priority, content)  # type: ignore[operator, no-any-return]

    return add_item


def test_too_many_requests_are_waited_for_as_asked(uipath: World) -> None:
    uipath.detect(MISSING)
    uipath.fault("429", "Queues", retry_after=7)
    assert uipath.robots().send().sent == 1
    assert max(uipath.slept) >= 7


def test_an_expired_token_is_renewed(uipath: World) -> None:
    uipath.detect(MISSING)
    robots = uipath.robots()
    robots.collect()
    robots.orchestrator.queue(QUEUE)
    uipath.control("expire-tokens")
    assert robots.send().sent == 1


@pytest.mark.parametrize("kind", ["503", "cut-before", "delay"])
def test_a_server_that_fails_for_long_is_told_and_the_next_pass_does_the_rest(uipath: World, kind: str) -> None:
    uipath.detect(MISSING, UNKNOWN)
    uipath.fault(kind, "Queues", count=3, seconds=2)
    outcome = uipath.robots().send()
    assert len(outcome.problems) == 1
    uipath.faults.clear()
    uipath.robots().send()
    assert len(uipath.kept()["items"]) == 2


def test_another_folder_is_refused_with_a_word_about_the_folder(uipath: World) -> None:
    uipath.detect(MISSING)
    outcome = uipath.robots(orchestrator=uipath.orchestrator("Shared/Elsewhere")).send()
    assert "BILLSYNC_UIPATH_FOLDER" in outcome.problems[0]
    assert handed_over(uipath.engine) == {}


def test_wrong_credentials_are_told_without_the_secret(uipath: World) -> None:
    uipath.detect(MISSING)
    outcome = uipath.robots(orchestrator=uipath.orchestrator(client_secret="wrong-secret")).send()
    assert "invalid_client" in outcome.problems[0]
    assert "wrong-secret" not in outcome.problems[0]


@pytest.mark.parametrize(
    ("column", "value"), [("success_state", "OPEN"), ("success_state", "GONE"), ("fields", "email")]
)
def test_an_assignment_that_cannot_be_is_refused_by_name(column: str, value: str) -> None:
    row = {"rule_code": "X", "queue_name": QUEUE, "success_state": "RESOLVED", "most_attempts": 1, "fields": "nmi"}
    assert assignments_of([row])["X"].fields == ("nmi",)
    with pytest.raises(PermanentError, match=value):
        assignments_of([{**row, column: value}])


def test_a_success_for_a_rule_that_robots_handle_no_more_is_a_persons_to_decide(uipath: World) -> None:
    uipath.detect(MISSING)
    uipath.robots().send()
    uipath.control("work")
    robots = uipath.robots()
    robots.assignments = {"NMI_UNKNOWN": ASSIGNMENTS["NMI_UNKNOWN"]}
    assert robots.collect().done == 1
    assert _state(uipath)[0] == "OPEN"
    assert "a person decides" in _state(uipath)[2]
    assert uipath.queue.show(KEY)["billing_day"] == DAY
