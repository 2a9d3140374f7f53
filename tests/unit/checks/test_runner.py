"""Soda behind the small interface: names, four outcomes, and nothing that passes unseen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from checks.data_sources import DuckDBSource
from checks.runner import (
    CheckOutcome,
    check_name,
    outcome_of,
    read_contract,
    read_contracts,
    verify_contracts,
)

CONTRACT = """
dataset: warehouse/marts/bills
columns:
  - name: contract_id
    data_type: varchar
    checks:
      - missing:
      - duplicate:
  - name: status
    data_type: varchar
    checks:
      - invalid: {valid_values: [READY, HELD]}
      - missing: {qualifier: some, threshold: {level: warn, must_be: 0}}
checks:
  - row_count: {threshold: {must_be_greater_than: 0}}
  - failed_rows: {qualifier: total, query: "select * from marts.bills where total < 0"}
"""


def _contract(folder: Path, text: str = CONTRACT) -> Path:
    path = folder / "marts" / "bills.yml"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return path


def _warehouse(folder: Path, *rows: str) -> Path:
    path = folder / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.bills (contract_id varchar, status varchar, total decimal(18, 2))")
        for row in rows:
            connection.execute(f"insert into marts.bills values ({row})")
    return path


def _outcomes(folder: Path, warehouse: Path) -> dict[str, str]:
    return {one.name: one.outcome for one in verify_contracts(read_contracts(folder), DuckDBSource(warehouse))}


def test_read_contract_names_checks_as_soda_paths_them(tmp_path: Path) -> None:
    contract = read_contract(_contract(tmp_path))
    assert (contract.schema, contract.table) == ("marts", "bills")
    assert sorted(contract.check_names) == [
        "soda_contract_id_duplicate", "soda_contract_id_missing", "soda_failed_rows_total", "soda_row_count",
        "soda_status_invalid", "soda_status_missing_some",
    ]  # fmt: skip


def test_read_contract_with_two_checks_of_one_name_is_refused(tmp_path: Path) -> None:
    text = "dataset: warehouse/marts/bills\nchecks:\n  - row_count:\n  - row_count:\n"
    with pytest.raises(ValueError, match="qualifier"):
        read_contract(_contract(tmp_path, text))


def test_verify_of_good_rows_passes_every_declared_check(tmp_path: Path) -> None:
    _contract(tmp_path)
    warehouse = _warehouse(tmp_path, "'0000000001', 'READY', 12.50")
    outcomes = _outcomes(tmp_path, warehouse)
    assert set(outcomes) == set(read_contracts(tmp_path)[0].check_names)
    assert set(outcomes.values()) == {"passed"}


def test_verify_of_bad_rows_fails_and_warns_by_level(tmp_path: Path) -> None:
    _contract(tmp_path)
    warehouse = _warehouse(tmp_path, "'0000000001', null, 1", "'0000000001', 'LOST', -1")
    assert _outcomes(tmp_path, warehouse) == {
        "soda_contract_id_missing": "passed",
        "soda_contract_id_duplicate": "failed",
        "soda_status_invalid": "failed",
        "soda_status_missing_some": "warned",
        "soda_row_count": "passed",
        "soda_failed_rows_total": "failed",
    }


def test_verify_of_a_missing_table_evaluates_nothing_and_blocks(tmp_path: Path) -> None:
    _contract(tmp_path)
    warehouse = tmp_path / "warehouse.duckdb"
    duckdb.connect(str(warehouse)).close()
    outcomes = verify_contracts(read_contracts(tmp_path), DuckDBSource(warehouse))
    assert len(outcomes) == 6
    assert all(one.blocks and not one.passed for one in outcomes)


@pytest.mark.parametrize(
    ("soda", "outcome", "passed", "blocks"),
    [
        ("PASSED", "passed", True, False),
        ("WARN", "warned", False, False),
        ("FAILED", "failed", False, True),
        ("NOT_EVALUATED", "not_evaluated", False, True),
        ("EXCLUDED", "not_evaluated", False, True),
        ("SOMETHING_NEW", "not_evaluated", False, True),
    ],
)
def test_outcome_of_each_soda_answer(tmp_path: Path, soda: str, outcome: str, passed: bool, blocks: bool) -> None:
    check = SimpleNamespace(name="rows", relative_path="checks.row_count", threshold=None)
    result = SimpleNamespace(
        check=check, outcome=SimpleNamespace(name=soda), threshold_value=3, diagnostic_metric_values={"rows": 3}
    )
    found: CheckOutcome = outcome_of(read_contract(_contract(tmp_path)), result)
    assert (found.name, found.outcome, found.passed, found.blocks) == ("soda_row_count", outcome, passed, blocks)
    assert found.values == {"rows": "3"}


def test_check_name_of_a_column_check_with_qualifier() -> None:
    assert check_name("columns.nmi_suffix.checks.invalid.known-one") == "soda_nmi_suffix_invalid_known_one"


def test_every_contract_of_the_project_names_its_own_folder_and_file() -> None:
    for contract in read_contracts():
        assert (contract.path.parent.name, contract.path.stem) == (contract.schema, contract.table)


def test_contract_whose_connection_is_lost_is_verified_on_another(tmp_path: Path) -> None:
    _contract(tmp_path)
    warehouse = _warehouse(tmp_path, "'0000000001', 'READY', 12.50")
    opened = []

    @contextmanager
    def lost_at_first() -> Iterator[Callable[[], Any]]:
        with DuckDBSource(warehouse)() as data_source:
            source = data_source()
            if not opened:
                source.close_connection()
            opened.append(source)
            yield lambda: source

    outcomes = verify_contracts(read_contracts(tmp_path), lost_at_first)
    assert len(opened) == 2
    assert {one.outcome for one in outcomes} == {"passed"}


def test_contract_that_cannot_be_verified_says_why(tmp_path: Path) -> None:
    _contract(tmp_path)
    warehouse = _warehouse(tmp_path)

    @contextmanager
    def lost() -> Iterator[Callable[[], Any]]:
        with DuckDBSource(warehouse)() as data_source:
            source = data_source()
            source.close_connection()
            yield lambda: source

    outcomes = verify_contracts(read_contracts(tmp_path), lost)
    assert {one.outcome for one in outcomes} == {"not_evaluated"}
    assert all(one.blocks and one.detail.startswith("not evaluated: ") for one in outcomes)
