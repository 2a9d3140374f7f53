"""What every model of the dbt project must have, read from its manifest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from loaders.warehouse.schema import LONGEST_IDS

STAGES = {"rating", "billing", "settlement", "reporting"}
PUBLIC_MARTS = {
    "fct_daily_usage": "nmi nmi_suffix market_date interval_length_minutes usage_kwh filled_kwh interval_count "
    "actual_interval_count substituted_interval_count estimated_interval_count missing_interval_count max_demand_kw "
    "read_version_at",
    "rejected_records": "billing_day file_name line_number record_indicator nmi reason_code reason",
}


@pytest.fixture(scope="module")
def models(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


@pytest.fixture(scope="module")
def marts(models: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [model for model in models if model["schema"] == "marts"]


def names(nodes: list[dict[str, Any]]) -> list[str]:
    return sorted(node["name"] for node in nodes)


def test_models_carry_exactly_one_stage(models: list[dict[str, Any]]) -> None:
    assert names([model for model in models if len(STAGES & set(model["tags"])) != 1]) == []


def test_marts_have_an_enforced_contract(marts: list[dict[str, Any]]) -> None:
    assert names([model for model in marts if not model["config"]["contract"]["enforced"]]) == []


def test_marts_say_their_grain_first(marts: list[dict[str, Any]]) -> None:
    assert names([model for model in marts if not model["description"].startswith("Grain: ")]) == []


def test_marts_describe_every_column(marts: list[dict[str, Any]]) -> None:
    bare = [
        f"{model['name']}.{name}"
        for model in marts
        for name, column in model["columns"].items()
        if not column["description"]
    ]
    assert bare == []


def test_marts_test_their_primary_key(manifest: dict[str, Any], marts: list[dict[str, Any]]) -> None:
    unique = {
        test["attached_node"]
        for test in manifest["nodes"].values()
        if test["resource_type"] == "test"
        and (test.get("test_metadata") or {}).get("name") in {"unique", "unique_combination", "unique_in_scope"}
    }
    assert names([model for model in marts if model["unique_id"] not in unique]) == []


def test_marts_hold_the_public_columns(marts: list[dict[str, Any]]) -> None:
    columns = {model["name"]: set(model["columns"]) for model in marts}
    missing = {name: sorted(set(public.split()) - columns[name]) for name, public in PUBLIC_MARTS.items()}
    assert missing == {name: [] for name in PUBLIC_MARTS}


def test_marts_keep_every_identifier_that_is_let_in(marts: list[dict[str, Any]]) -> None:
    # SQL Server cuts a text that is cast to a shorter one without a word; DuckDB keeps it.
    lengths = {
        f"{model['name']}.{name}": (int(size[1]), LONGEST_IDS[name])
        for model in marts
        for name, column in model["columns"].items()
        if name in LONGEST_IDS and (size := re.fullmatch(r"varchar\((\d+)\)", column.get("data_type") or ""))
    }
    assert {name.partition(".")[2] for name in lengths} >= {"nmi", "nmi_suffix", "contract_id", "device_id", "plan_id"}
    assert {name for name, (length, longest) in lengths.items() if length < longest} == set()


def test_only_staging_reads_sources(models: list[dict[str, Any]]) -> None:
    direct = [model for model in models if model["schema"] != "staging" and model["sources"]]
    assert names(direct) == []


def test_staging_reads_nothing_else(models: list[dict[str, Any]]) -> None:
    mixed = [
        model
        for model in models
        if model["schema"] == "staging"
        and any(not node.startswith(("source.", "model.billsync.stg_")) for node in model["depends_on"]["nodes"])
    ]
    assert names(mixed) == []


def test_incremental_models_say_what_they_replace(models: list[dict[str, Any]]) -> None:
    incremental = [model for model in models if model["config"]["materialized"] == "incremental"]
    wrong = [
        model
        for model in incremental
        if model["config"]["incremental_strategy"] != "replace"
        or not model["config"].get("replace_on")
        or model["config"].get("replace_scope") not in {node.rsplit(".")[-1] for node in model["depends_on"]["nodes"]}
    ]
    assert names(incremental) != []
    assert names(wrong) == []


def test_tables_below_a_view_exchange_their_rows(models: list[dict[str, Any]]) -> None:
    # A table that is exchanged whole drops its predecessor, which a server may refuse while a view stands on it; seeds
    # always are.
    tables = {model["unique_id"]: model for model in models if model["config"]["materialized"] == "table"}
    views = [model for model in models if model["config"]["materialized"] == "view"]
    below = {parent: tables[parent] for view in views for parent in view["depends_on"]["nodes"] if parent in tables}
    assert below
    assert [
        view["name"] for view in views if any(parent.startswith("seed.") for parent in view["depends_on"]["nodes"])
    ] == []
    exchanged = [model for model in below.values() if model["config"].get("table_refresh_method") != "dml"]
    assert names(exchanged) == []


def test_exact_numbers_are_never_floats(models: list[dict[str, Any]]) -> None:
    floats = [
        f"{model['name']}.{name}"
        for model in models
        for name, column in model["columns"].items()
        if any(word in (column.get("data_type") or "").lower() for word in ("float", "double", "real"))
    ]
    assert floats == []


def test_every_rule_model_is_in_the_queue(manifest: dict[str, Any], models: list[dict[str, Any]]) -> None:
    rules = {
        model["unique_id"]
        for model in models
        if model["name"].startswith("int_problems__")
        and model["name"].removeprefix("int_problems__") not in {"detected", "scope", "settlement", "settlement_scope"}
    }
    unions = ("int_problems__detected", "int_problems__settlement")
    queued = {node for name in unions for node in manifest["nodes"][f"model.billsync.{name}"]["depends_on"]["nodes"]}
    assert rules - queued == set()


def test_charge_is_named_by_the_list_of_its_step_alone(manifest: dict[str, Any], models: list[dict[str, Any]]) -> None:
    """A new charge touches one place: no other model, and no unit test but its own, asks for it."""
    charges = {model["unique_id"] for model in models if model["name"].startswith("int_charges__")} - {
        "model.billsync.int_charges__collect"
    }
    users = {(charge, model["name"]) for model in models for charge in charges & set(model["depends_on"]["nodes"])}
    assert {charge for charge, _ in users} == charges
    assert {name for _, name in users} == {"int_charges__collect", "int_shares__collect", "int_concessions__collect"}
    asked_for = {
        given["input"] for test in manifest["unit_tests"].values() for given in test["given"] if given.get("input")
    }
    assert {text for text in asked_for if any(f"'{charge.split('.')[-1]}'" in text for charge in charges)} == set()


def test_models_tests_and_hooks_compile_for_sqlserver_without_a_server(
    manifest: dict[str, Any], compiled_for_sqlserver: dict[str, str]
) -> None:
    nodes = [node for node in manifest["nodes"].values() if node["resource_type"] != "seed"]
    assert {node["resource_type"] for node in nodes} == {"model", "test", "operation"}
    assert names([node for node in nodes if not compiled_for_sqlserver.get(Path(node["path"]).stem, "").strip()]) == []


def test_compiled_sql_has_no_list_functions_on_sqlserver(compiled_for_sqlserver: dict[str, str]) -> None:
    duckdb_only = ("unnest(", "string_split(", "regexp_", "to_minutes(", "::", "||", "sha256(")
    found = {name: word for name, sql in compiled_for_sqlserver.items() for word in duckdb_only if word in sql.lower()}
    assert found == {}
