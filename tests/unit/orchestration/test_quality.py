"""Soda outcomes as asset checks, and the gate in front of the load."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from checks.runner import CheckOutcome, Outcome, TableContract
from orchestration.quality import CONTRACT, GATE, READINGS_PLAN, contract_results, gate_result, wanted

BILLS = TableContract(Path("bills.yml"), "marts", "bills", ("soda_row_count",))
USAGE = TableContract(Path("usage.yml"), "marts", "usage", ("soda_row_count",))


def _outcome(outcome: Outcome, name: str = "soda_row_count", table: str = "bills") -> CheckOutcome:
    return CheckOutcome("marts", table, name, outcome, f"{name} was {outcome}")


@pytest.mark.parametrize(
    ("outcomes", "passed", "severity"),
    [
        (["passed", "passed"], True, None),
        (["passed", "warned"], False, dg.AssetCheckSeverity.WARN),
        (["warned", "failed"], False, dg.AssetCheckSeverity.ERROR),
        (["passed", "not_evaluated"], False, dg.AssetCheckSeverity.ERROR),
    ],
)
def test_contract_result_is_as_bad_as_its_worst_check(
    outcomes: list[Outcome], passed: bool, severity: dg.AssetCheckSeverity | None
) -> None:
    [result] = contract_results([_outcome(one, f"check_{place}") for place, one in enumerate(outcomes)])
    assert result.asset_key == dg.AssetKey(["marts", "bills"])
    assert result.check_name == CONTRACT
    assert result.passed is passed
    if severity:
        assert result.severity == severity


def test_contract_result_names_only_what_does_not_hold() -> None:
    [result] = contract_results([_outcome("passed", "good"), _outcome("failed", "bad")])
    assert result.description == "bad failed: bad was failed"


@pytest.mark.parametrize(("outcome", "passed"), [("passed", True), ("warned", True), ("failed", False)])
def test_gate_lets_warnings_pass_and_failures_not(outcome: Outcome, passed: bool) -> None:
    assert gate_result([_outcome("passed"), _outcome(outcome)]).passed is passed


def test_gate_does_not_pass_what_was_not_evaluated() -> None:
    result = gate_result([_outcome("not_evaluated")])
    assert not result.passed
    assert result.severity == dg.AssetCheckSeverity.ERROR
    assert "marts.bills soda_row_count" in (result.description or "")


def test_wanted_contracts_are_those_of_the_selection_and_all_for_the_gate() -> None:
    bills = dg.AssetCheckKey(dg.AssetKey(["marts", "bills"]), CONTRACT)
    assert wanted([BILLS, USAGE], {bills}) == [BILLS]
    assert wanted([BILLS, USAGE], {dg.AssetCheckKey(READINGS_PLAN, GATE)}) == [BILLS, USAGE]
