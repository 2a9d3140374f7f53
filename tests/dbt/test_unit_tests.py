"""dbt's own unit tests of the models, run on an empty warehouse of each engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loaders.sqlserver.login import SqlServerLogin
from loaders.warehouse import open_warehouse
from loaders.warehouse.sqlserver_warehouse import SqlServerWarehouse
from tests.sqlserver import variables


@pytest.fixture(scope="module")
def empty_warehouse(dbt: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse with every table and no rows: unit tests read the columns of what they stand in for."""
    folder = tmp_path_factory.mktemp("unit")
    path = folder / "warehouse.duckdb"
    open_warehouse("duckdb", duckdb_path=path).ensure_raw_schema()
    dbt("seed", warehouse=path, folder=folder)
    dbt("run", "--empty", warehouse=path, folder=folder)
    return path


def outcomes(folder: Path) -> dict[str, str]:
    """What came of each unit test; the run's own hooks are results too and are left out."""
    results = json.loads((folder / "run_results.json").read_text(encoding="utf-8"))["results"]
    return {one["unique_id"]: one["status"] for one in results if one["unique_id"].startswith("unit_test.")}


def test_models_give_what_their_unit_tests_say(
    dbt: Callable[..., Path], empty_warehouse: Path, manifest: dict[str, Any]
) -> None:
    folder = dbt("test", "--select", "test_type:unit", warehouse=empty_warehouse, folder=empty_warehouse.parent)
    assert outcomes(folder) == dict.fromkeys(manifest["unit_tests"], "pass")


@pytest.mark.sqlserver
def test_models_give_what_their_unit_tests_say_on_sqlserver(
    dbt: Callable[..., Path],
    sqlserver_database: SqlServerLogin,
    manifest: dict[str, Any],
    tmp_path: Path,
) -> None:
    SqlServerWarehouse(sqlserver_database).ensure_raw_schema()
    there = variables(sqlserver_database)
    dbt("seed", folder=tmp_path, variables=there)
    dbt("run", "--empty", folder=tmp_path, variables=there)
    dbt("test", "--select", "test_type:unit", folder=tmp_path, variables=there)
    assert outcomes(tmp_path) == dict.fromkeys(manifest["unit_tests"], "pass")
