"""What the day does on SQL Server, and the rights that the grants script gives it, belong together."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
GRANTS = (REPOSITORY / "deploy" / "sqlserver" / "grants.sql").read_text("utf-8")
WRITER = re.compile(r"^grant (.+) on schema::(\w+) to billsync_writer;$", re.MULTILINE)
LEAST = {"alter", "select", "insert", "update", "delete", "references", "view definition"}


def test_writer_may_build_in_every_schema_that_dbt_and_the_loaders_use(manifest: dict[str, Any]) -> None:
    profile = yaml.safe_load(
        re.sub(r'"\{\{.*?\}\}"', "x", (REPOSITORY / "dbt_project" / "profiles.yml").read_text("utf-8"))
    )
    # The adapter puts a scratch view for each test into the schema of its profile.
    scratch = profile["billsync"]["outputs"]["sqlserver"]["schema"]
    built = {node["schema"] for node in manifest["nodes"].values() if node["resource_type"] in {"model", "seed"}}
    granted = {schema: {*rights.split(", ")} for rights, schema in WRITER.findall(GRANTS)}
    assert built | {"raw", "operations", scratch} == set(granted)
    assert all(rights == LEAST for rights in granted.values())


def test_writer_is_given_nothing_beyond_its_schemas() -> None:
    given = set(re.findall(r"^grant (.+) to billsync_writer;$", GRANTS, re.MULTILINE))
    assert {one for one in given if " on schema::" not in one} == {"create table", "create view"}


def test_view_is_dropped_without_a_look_at_all_of_the_database() -> None:
    macros = (REPOSITORY / "dbt_project" / "macros" / "materialization" / "sqlserver_relations.sql").read_text("utf-8")
    (body,) = re.findall(r"macro sqlserver__get_drop_sql\(relation\) -%\}(.*?)\{%- endmacro", macros, re.DOTALL)
    assert "sys." not in body
