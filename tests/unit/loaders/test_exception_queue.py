"""The exception queue: merging detections, keeping decisions, closing what is gone."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy.engine import Engine

from loaders.errors import PermanentError
from loaders.exception_queue import ExceptionQueue, MergeCounts, exception_id_of, is_in_scope

DAY = date(2026, 3, 5)
NEXT_DAY = date(2026, 3, 6)


def problem(key: str = "READ_MISSING_DAY|4001|E1|2026-02-10", **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "problem_key": key,
        "billing_day": DAY,
        "rule_code": "READ_MISSING_DAY",
        "severity": "ISSUE",
        "nmi": "4001234567",
        "nmi_suffix": "E1",
        "contract_id": "C1",
        "first_market_date": date(2026, 2, 10),
        "last_market_date": date(2026, 2, 11),
        "detail": "2 days without data",
    }
    return {**row, **changes}


def scope_of(row: dict[str, object]) -> dict[str, object]:
    return {name: row[name] for name in ("rule_code", "nmi", "contract_id")}


@pytest.fixture
def queue(operations: Engine) -> ExceptionQueue:
    return ExceptionQueue(operations)


def merge(queue: ExceptionQueue, detected: list[dict[str, object]], scope: list[dict[str, object]] | None = None,
          day: date = DAY) -> MergeCounts:  # fmt: skip
    scope = [scope_of(problem())] if scope is None else scope
    return queue.merge(detected, scope, first_day=day, last_day=day, actor="run-1")


def only(queue: ExceptionQueue) -> dict[str, object]:
    (row,) = queue.list_rows()
    return row


def test_merge_new_problem_is_added_open(queue: ExceptionQueue) -> None:
    counts = merge(queue, [problem()])
    row = only(queue)
    assert counts == MergeCounts(detected=1, added=1)
    assert row["state"] == "OPEN"
    assert row["exception_id"] == exception_id_of(str(problem()["problem_key"]))
    assert row["billing_day"] == DAY


def test_merge_same_problem_again_changes_nothing(queue: ExceptionQueue) -> None:
    merge(queue, [problem()])
    before = queue.show(str(only(queue)["exception_id"]))
    counts = merge(queue, [problem(), problem()], day=NEXT_DAY)
    assert counts == MergeCounts(detected=1)
    assert queue.show(before["exception_id"]) == before


def test_merge_open_problem_in_scope_not_found_is_resolved(queue: ExceptionQueue) -> None:
    merge(queue, [problem()])
    counts = merge(queue, [], day=NEXT_DAY)
    row = only(queue)
    assert counts.resolved == 1
    assert row["state"] == "RESOLVED"
    assert row["state_reason"] == "no longer found by the run of 2026-03-06"


def test_merge_open_problem_out_of_scope_stays_open(queue: ExceptionQueue) -> None:
    merge(queue, [problem()])
    other_nmi = {"rule_code": "READ_MISSING_DAY", "nmi": "4009999999", "contract_id": None}
    other_rule = {"rule_code": "READ_SPIKE", "nmi": "4001234567", "contract_id": None}
    other_days = {**scope_of(problem()), "first_market_date": date(2026, 3, 1), "last_market_date": date(2026, 3, 5)}
    merge(queue, [], scope=[other_nmi, other_rule, other_days], day=NEXT_DAY)
    assert only(queue)["state"] == "OPEN"


def test_merge_resolved_problem_found_again_opens_again(queue: ExceptionQueue) -> None:
    merge(queue, [problem()])
    merge(queue, [])
    counts = merge(queue, [problem()], day=NEXT_DAY)
    row = only(queue)
    assert counts.reopened == 1
    assert (row["state"], row["state_reason"]) == ("OPEN", "found again by the run of 2026-03-06")
    assert row["billing_day"] == DAY


@pytest.mark.parametrize("decision", ["release", "waive"])
def test_merge_decision_of_a_person_is_kept_whether_found_or_not(queue: ExceptionQueue, decision: str) -> None:
    merge(queue, [problem()])
    decided = getattr(queue, decision)(only(queue)["exception_id"], actor="ann", reason="read by eye")
    merge(queue, [problem(detail="told in other words")], day=NEXT_DAY)
    merge(queue, [], day=NEXT_DAY)
    row = only(queue)
    assert (row["state"], row["state_actor"]) == (decided["state"], "ann")
    assert row["detail"] == "told in other words"


def test_merge_released_problem_that_grew_opens_again(queue: ExceptionQueue) -> None:
    merge(queue, [problem()])
    queue.release(str(only(queue)["exception_id"]), actor="ann", reason="known outage")
    merge(queue, [problem(last_market_date=date(2026, 2, 20))], day=NEXT_DAY)
    row = only(queue)
    assert row["state"] == "OPEN"
    assert "was RELEASED by ann" in str(row["state_reason"])


def test_decide_without_reason_is_refused(queue: ExceptionQueue) -> None:
    merge(queue, [problem()])
    with pytest.raises(PermanentError, match="no reason"):
        queue.release(str(only(queue)["exception_id"]), actor="ann", reason="  ")
    assert only(queue)["state"] == "OPEN"


def test_decide_unknown_id_is_refused(queue: ExceptionQueue) -> None:
    with pytest.raises(PermanentError, match="no such exception"):
        queue.waive("abc%", actor="ann", reason="x")


def test_show_prefix_of_id_gives_row_with_history(queue: ExceptionQueue) -> None:
    merge(queue, [problem()])
    exception_id = str(only(queue)["exception_id"])
    queue.resolve(exception_id, actor="ann", reason="meter fixed")
    shown = queue.show(exception_id[:8])
    assert [(entry["event"], entry["from_state"], entry["to_state"]) for entry in shown["history"]] == [
        ("detect", None, "OPEN"),
        ("resolve", "OPEN", "RESOLVED"),
    ]


def test_merge_many_problems_crosses_chunks(queue: ExceptionQueue) -> None:
    many = [problem(f"k{number}", nmi=f"{number:010d}", contract_id=None) for number in range(1001)]
    assert merge(queue, many).added == 1001
    counts = merge(queue, many[:1], scope=[{"rule_code": "READ_MISSING_DAY", "nmi": None, "contract_id": None}])
    assert counts == MergeCounts(detected=1, resolved=1000)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ({"nmi": "4001234567", "contract_id": None}, True),
        ({"nmi": "4001234567", "contract_id": "C2"}, False),
        ({"nmi": None, "contract_id": "C1"}, True),
        ({"nmi": None, "contract_id": None}, True),
        ({"nmi": "4001234567", "contract_id": "C1", "first_market_date": "2026-02-11"}, True),
        ({"nmi": "4001234567", "contract_id": "C1", "first_market_date": "2026-02-12"}, False),
        ({"nmi": "4001234567", "contract_id": "C1", "last_market_date": "2026-02-09"}, False),
    ],
)
def test_is_in_scope_subjects_and_days_decide(scope: dict[str, object], expected: bool) -> None:
    assert is_in_scope(problem(), {"rule_code": "READ_MISSING_DAY", **scope}) is expected
