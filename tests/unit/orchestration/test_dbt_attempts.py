"""What a lost connection stopped in dbt is run again, under a lock that is taken anew."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from orchestration.assets import transform
from orchestration.dbt_runner import DbtError


class Locked:
    """A warehouse that writes down when its lock is taken and given back."""

    def __init__(self) -> None:
        self.log: list[str] = []

    @contextmanager
    def sole_dbt_run(self) -> Iterator[None]:
        self.log.append("taken")
        try:
            yield
        finally:
            self.log.append("given back")


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run dbt that fails as often as is asked; returns the nodes of each attempt and what the lock saw."""
    monkeypatch.setattr(transform, "DBT_WAIT_SECONDS", 0.0)

    def run(failures: int, unfinished: Collection[str]) -> tuple[list[set[str]], list[str]]:
        asked: list[set[str]] = []

        def run_dbt(_target: object, _args: object, names: Collection[str]) -> Iterator[Any]:
            asked.append({*names})
            yield SimpleNamespace(is_error=False)
            if len(asked) <= failures:
                msg = "lost"
                raise DbtError(msg, unfinished)

        monkeypatch.setattr(transform, "run_dbt", run_dbt)
        warehouse = Locked()
        systems: Any = SimpleNamespace(warehouse=warehouse, dbt=None)
        try:
            list(transform._attempts(systems, [], {"a", "b"}))
        except DbtError:
            warehouse.log.append("failed")
        return asked, warehouse.log

    return run


def test_attempt_after_a_lost_connection_runs_what_is_left_under_a_lock_of_its_own(attempts: Any) -> None:
    assert attempts(1, {"b"}) == ([{"a", "b"}, {"b"}], ["taken", "given back"] * 2)


def test_attempts_end_when_the_failure_stays_or_is_no_passing_one(attempts: Any) -> None:
    assert attempts(9, {"b"}) == ([{"a", "b"}, {"b"}, {"b"}], [*["taken", "given back"] * 3, "failed"])
    assert attempts(1, ()) == ([{"a", "b"}], ["taken", "given back", "failed"])
