"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from loaders.operational_db import open_engine, upgrade
from loaders.sqlserver.login import SqlServerLogin, sqlalchemy_url
from tests.sqlserver import drop_tables, scratch_database

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the folder of real meter files, plans and load shapes that lies beside the project."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the shared data folder at {folder}")
    return folder


@pytest.fixture(scope="session")
def sqlserver_database() -> Iterator[SqlServerLogin]:
    """A database on SQL Server for all tests of a session; skips where there is no server."""
    with scratch_database() as login:
        yield login


@pytest.fixture(params=["sqlite", pytest.param("sqlserver", marks=pytest.mark.sqlserver)])
def operations(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty operational database on each engine."""
    url = f"sqlite:///{tmp_path}/operations.db"
    if request.param == "sqlserver":
        login: SqlServerLogin = request.getfixturevalue("sqlserver_database")
        drop_tables(login, "dbo")
        url = sqlalchemy_url(login)
    engine = open_engine(url)
    upgrade(engine)
    yield engine
    engine.dispose()
