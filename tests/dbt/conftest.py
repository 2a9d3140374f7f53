"""One parsed and compiled dbt project for all tests of this folder, on each target that needs no server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
DbtCommand = Callable[..., Path]


@pytest.fixture(scope="session")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> DbtCommand:
    """Run a dbt command in a folder of its own; return its target folder."""

    def run(
        *arguments: str,
        warehouse: Path | None = None,
        folder: Path | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Path:
        target = folder or tmp_path_factory.mktemp("dbt")
        environment = {
            **os.environ,
            "BILLSYNC_DUCKDB_PATH": str(warehouse or target / "warehouse.duckdb"),
            "BILLSYNC_WAREHOUSE": "duckdb",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            **(variables or {}),
        }
        script = "import sys; from dbt.cli.main import cli; cli(sys.argv[1:], prog_name='dbt')"
        options = ["--target-path", str(target), "--log-path", str(target), "--profiles-dir", str(PROJECT)]
        command = [sys.executable, "-c", script, "-q", *arguments, *options, "--project-dir", str(PROJECT)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return target

    return run


@pytest.fixture(scope="session")
def manifest(dbt: DbtCommand) -> dict[str, Any]:
    """What dbt knows of the project."""
    parsed: dict[str, Any] = json.loads((dbt("parse") / "manifest.json").read_text(encoding="utf-8"))
    return parsed


@pytest.fixture(scope="session")
def compiled_for_sqlserver(dbt: DbtCommand) -> dict[str, str]:
    """The SQL of models, tests and hooks by file as SQL Server would get it, compiled without server and password."""
    target = dbt("compile", "--target", "sqlserver", "--no-populate-cache", "--no-introspect")
    folder = target / "compiled" / "billsync"
    return {path.stem: path.read_text(encoding="utf-8") for path in folder.rglob("*.sql")}
