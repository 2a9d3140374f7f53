"""Indexes on SQL Server: named by the models, left out where a key would be of a type that no index takes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from jinja2 import Environment

from loaders.sqlserver.login import SqlServerLogin
from loaders.warehouse import sqlserver_sql as statements
from loaders.warehouse.schema import RAW_TABLES
from tests.sqlserver import execute

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
CLUSTERED_KEY_BYTES, OTHER_KEY_BYTES = 900, 1700


class Relation(str):
    """A table's name, as dbt's relations give it."""

    __slots__ = ()

    def include(self, *, database: bool) -> str:
        assert not database
        return str(self)


def create_index(table: str, columns: list[str]) -> str:
    """What our macro makes of the adapter's statement."""
    source = (PROJECT / "macros" / "materialization" / "sqlserver_relations.sql").read_text("utf-8")
    environment = Environment(extensions=["jinja2.ext.do"])
    environment.globals["dbt"] = SimpleNamespace(
        sqlserver__get_create_index_sql=lambda relation, index: (
            f"create index ix_{relation} on {relation} ({', '.join(index['columns'])});"
        )
    )
    module: Any = environment.from_string(source).module
    return str(module.sqlserver__get_create_index_sql(Relation(table), {"columns": columns}))


def wanted_indexes(node: dict[str, Any]) -> list[dict[str, Any]]:
    """Every index that the project's configuration names."""
    found = list(node.get("+indexes", []))
    for value in node.values():
        if isinstance(value, dict):
            found += wanted_indexes(value)
    return found


@pytest.mark.sqlserver
@pytest.mark.parametrize(("kind", "expected"), [("nvarchar(200)", 1), ("nvarchar(max)", 0)])
def test_index_on_a_column_without_a_length_is_left_out(
    sqlserver_database: SqlServerLogin, kind: str, expected: int
) -> None:
    execute(sqlserver_database, f"create table keyed (nmi {kind}, market_date date, detail nvarchar(max))")
    try:
        execute(sqlserver_database, create_index("keyed", ["nmi", "market_date"]))
        found = execute(
            sqlserver_database,
            "select count(*) from sys.indexes where object_id = object_id('keyed') and index_id > 0",
        )
        assert found == [(expected,)]
    finally:
        execute(sqlserver_database, "drop table keyed")


def test_key_of_raw_texts_fits_into_every_index_whatever_comes() -> None:
    # What raw keeps as text under a name of a date is a date where it is a key.
    columns = [column for table in RAW_TABLES.values() for column in table.columns]
    texts = {name for name, kind in columns if kind == "text" and not name.endswith("_date")}
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))
    indexes = wanted_indexes(project["models"])
    assert indexes
    for index in indexes:
        # The source is one of two words of ours.
        delivered = [name for name in index["columns"] if name in texts and name != "source"]
        others = len(index["columns"]) - len(delivered)
        size = 2 * sum(statements.text_length(name) for name in delivered) + 8 * others
        assert size <= (CLUSTERED_KEY_BYTES if index["type"] == "clustered" else OTHER_KEY_BYTES), index
