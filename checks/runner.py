"""Soda contracts behind a small interface: which checks a table has, and how they went.

What belongs here: reading contract files, verifying them on a warehouse and turning Soda's answers into four plain
outcomes. What stays out: Dagster (``orchestration/quality.py``) and rules that change data.

Soda is replaceable: nothing outside this module imports it. A check that could not be evaluated is a failure.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from checks.data_sources import DataSource

Outcome = Literal["passed", "warned", "failed", "not_evaluated"]
CONTRACTS_DIR: Final = Path(__file__).resolve().parent
LAYERS: Final = ("raw", "staging", "intermediate", "marts")

_OUTCOMES: Final[Mapping[str, Outcome]] = {
    "PASSED": "passed",
    "WARN": "warned",
    "FAILED": "failed",
    "NOT_EVALUATED": "not_evaluated",
    # Nothing is excluded on purpose, so an excluded check is one that did not do its work.
    "EXCLUDED": "not_evaluated",
}


@dataclass(frozen=True)
class TableContract:
    """One contract file.

    Attributes:
        path: the file, ``checks/<layer>/<table>.yml``.
        schema: the table's schema, which is the layer.
        table: the table.
        check_names: names of its checks, unique within the table.
    """

    path: Path
    schema: str
    table: str
    check_names: tuple[str, ...]


@dataclass(frozen=True)
class CheckOutcome:
    """How one check went.

    Attributes:
        schema: the table's schema.
        table: the table.
        name: the check's name, as in ``TableContract.check_names``.
        outcome: passed, warned, failed or not_evaluated.
        detail: what was measured and expected, or why it could not be evaluated.
        values: measured values by name.
    """

    schema: str
    table: str
    name: str
    outcome: Outcome
    detail: str = ""
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether the check holds."""
        return self.outcome == "passed"

    @property
    def blocks(self) -> bool:
        """Whether the load must not go on: failed, or not known to hold."""
        return self.outcome in {"failed", "not_evaluated"}


def check_name(relative_path: str) -> str:
    """A check's name from Soda's path: ``columns.nmi.checks.missing`` becomes ``soda_nmi_missing``."""
    words = [word for word in relative_path.split(".") if word not in {"columns", "checks"}]
    return "soda_" + re.sub(r"[^A-Za-z0-9]+", "_", "_".join(words)).strip("_").lower()


def read_contract(path: Path) -> TableContract:
    """Read which checks a contract file declares, without Soda.

    Raises:
        ValueError: when two checks of the file have one name (a qualifier makes them differ), or there is none.
    """
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    schema, table = str(content["dataset"]).split("/")[-2:]
    paths = [_path("", check) for check in content.get("checks") or ()]
    for column in content.get("columns") or ():
        paths += [_path(str(column["name"]), check) for check in column.get("checks") or ()]
    names = [check_name(one) for one in paths]
    if not names or len(set(names)) != len(names):
        msg = f"{path.name}: each contract needs checks with different names, found {sorted(names)}; set a qualifier"
        raise ValueError(msg)
    return TableContract(path, schema, table, tuple(names))


def _path(column: str, check: Mapping[str, Any]) -> str:
    """The path Soda gives a check: column, type and qualifier."""
    [(kind, body)] = check.items()
    qualifier = (body or {}).get("qualifier")
    words = [*(("columns", column) if column else ()), "checks", str(kind), *((str(qualifier),) if qualifier else ())]
    return ".".join(words)


def read_contracts(folder: Path = CONTRACTS_DIR, layers: Sequence[str] = LAYERS) -> list[TableContract]:
    """All contracts of the layers, in a stable order."""
    return [read_contract(path) for layer in layers for path in sorted((folder / layer).glob("*.yml"))]


def verify_contracts(
    contracts: Sequence[TableContract], source: DataSource, variables: Mapping[str, str] | None = None
) -> list[CheckOutcome]:
    """Verify contracts on a warehouse, open for as long as it takes.

    What could not be evaluated is asked once more on a warehouse that is opened anew: a connection may have been lost.

    Args:
        contracts: what to verify.
        source: opens the warehouse for Soda.
        variables: values for ``${var.NAME}`` in the contracts.
    """
    first = _verified(contracts, source, variables or {})
    unsure = [one for one in contracts if any(check.outcome == "not_evaluated" for check in first[one.path])]
    again = _verified(unsure, source, variables or {}) if unsure else {}
    return [check for one in contracts for check in (again.get(one.path) or first[one.path])]


def _verified(
    contracts: Sequence[TableContract], source: DataSource, variables: Mapping[str, str]
) -> dict[Path, list[CheckOutcome]]:
    with source() as data_source:
        return {one.path: verify_contract(one, data_source(), variables) for one in contracts}


def verify_contract(contract: TableContract, source: Any, variables: Mapping[str, str]) -> list[CheckOutcome]:
    """Verify one contract on a Soda data source; every declared check has an outcome."""
    from soda_core.contracts import verify_contract_locally  # noqa: PLC0415 - telemetry is switched off first (data_sources)

    try:
        with contextlib.redirect_stdout(io.StringIO()):
            session = verify_contract_locally(
                contract_file_path=str(contract.path),
                data_sources=[source],
                variables=dict(variables),
                publish=False,
            )
    except Exception as error:  # noqa: BLE001 - whatever Soda raises, the checks did not run
        return unevaluated(contract, f"{type(error).__name__}: {error}")
    why = "; ".join(session.get_errors()) if session.has_errors else "Soda gave no result for it"
    found = dict(_outcomes_of(contract, session, why))
    missing = [name for name in contract.check_names if name not in found]
    return [*found.values(), *unevaluated(contract, why, missing)]


def _outcomes_of(contract: TableContract, session: Any, why: str) -> Iterator[tuple[str, CheckOutcome]]:
    for result in session.contract_verification_results:
        for check in result.check_results:
            outcome = outcome_of(contract, check)
            if outcome.outcome == "not_evaluated":
                (outcome,) = unevaluated(contract, why, [outcome.name])
            yield outcome.name, outcome


def outcome_of(contract: TableContract, result: Any) -> CheckOutcome:
    """One of Soda's check results as a plain outcome; an outcome that is not known counts as not evaluated."""
    values = {name: str(value) for name, value in (result.diagnostic_metric_values or {}).items()}
    outcome = _OUTCOMES.get(result.outcome.name, "not_evaluated")
    measured = "" if result.threshold_value is None else f"measured {result.threshold_value}"
    expected = " ".join(str(result.check.threshold).split()) if result.check.threshold else ""
    detail = "; ".join(word for word in (str(result.check.name or ""), measured, expected) if word)
    return CheckOutcome(
        contract.schema, contract.table, check_name(result.check.relative_path), outcome, detail, values
    )


def unevaluated(contract: TableContract, why: str, names: Sequence[str] | None = None) -> list[CheckOutcome]:
    """Outcomes of checks that could not be evaluated."""
    wanted = contract.check_names if names is None else names
    return [
        CheckOutcome(contract.schema, contract.table, name, "not_evaluated", f"not evaluated: {why}"[:2000])
        for name in wanted
    ]
