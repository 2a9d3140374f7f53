"""Configuration: defaults, refusals, secrets, and what the sandbox fills in."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest

from billsync.settings import NAMES, ConfigurationError, Secret, load_settings, unknown_names
from tests.conftest import REPOSITORY

SERVED = {
    "BILLSYNC_LANDING": "/srv/landing",
    "BILLSYNC_SAP_URL": "http://127.0.0.1:8470",
    "BILLSYNC_SAP_PASSWORD": "sandbox-password",
}


def _home_with_sandbox(folder: Path) -> dict[str, str]:
    state = folder / "sandbox" / "sandbox.json"
    state.parent.mkdir(parents=True)
    state.write_text(json.dumps({"settings": SERVED, "pid": 1}), encoding="utf-8")
    return {"BILLSYNC_HOME": str(folder)}


def test_settings_of_an_empty_environment_are_the_documented_defaults() -> None:
    settings = load_settings({})
    assert settings.environment == "local"
    assert settings.home == Path("var").absolute()
    assert settings.first_day == date(2020, 1, 1)
    assert settings.warehouse == "duckdb"
    assert settings.duckdb_path == settings.home / "warehouse.duckdb"
    assert settings.sap_transport == "odata"
    assert settings.sap_amounts == "inc_gst"
    assert settings.ledger_url == f"sqlite:///{settings.home.as_posix()}/ledger.db"
    assert settings.require("SAP_ODATA_PATH") == "/sap/opu/odata/sap/ERP_UTILITIES_UMC/"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BILLSYNC_ENV", "staging"),
        ("BILLSYNC_ENV", "PROD"),
        ("BILLSYNC_WAREHOUSE", "postgres"),
        ("BILLSYNC_SAP_TRANSPORT", "rest"),
        ("BILLSYNC_SAP_AMOUNTS", "gross"),
        ("BILLSYNC_SAP_WRITE", "yes"),
        ("BILLSYNC_FIRST_DAY", "01/01/2020"),
    ],
)
def test_settings_with_a_value_that_is_not_known_name_the_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        load_settings({name: value})


def test_settings_with_an_empty_value_have_the_default() -> None:
    assert load_settings({"BILLSYNC_ENV": "", "BILLSYNC_WAREHOUSE": ""}).environment == "local"


@pytest.mark.parametrize("environment", ["test", "prod"])
def test_settings_outside_local_are_not_filled_from_a_sandbox(tmp_path: Path, environment: str) -> None:
    settings = load_settings({**_home_with_sandbox(tmp_path), "BILLSYNC_ENV": environment})
    with pytest.raises(ConfigurationError, match="BILLSYNC_LANDING is not set"):
        settings.require("LANDING")


def test_settings_in_local_take_unset_names_from_the_sandbox_and_keep_set_ones(tmp_path: Path) -> None:
    settings = load_settings({**_home_with_sandbox(tmp_path), "BILLSYNC_LANDING": "/mine"})
    assert settings.require("LANDING") == "/mine"
    assert settings.require("SAP_PASSWORD") == "sandbox-password"


def test_settings_from_a_broken_sandbox_file_say_how_to_repair_it(tmp_path: Path) -> None:
    environ = _home_with_sandbox(tmp_path)
    (tmp_path / "sandbox" / "sandbox.json").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="billsync sandbox reset"):
        load_settings(environ)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"BILLSYNC_SAP_WRITE": "0"}, False),
        ({"BILLSYNC_SAP_URL": "https://sap.example"}, False),
        ({"BILLSYNC_SAP_URL": "http://127.0.0.1:8470"}, True),
        ({"BILLSYNC_SAP_URL": "https://sap.example", "BILLSYNC_SAP_WRITE": "1"}, True),
        ({"BILLSYNC_ENV": "test"}, False),
        ({"BILLSYNC_ENV": "prod"}, False),
        ({"BILLSYNC_ENV": "prod", "BILLSYNC_SAP_WRITE": "1"}, True),
    ],
)
def test_settings_write_to_sap_by_default_only_in_the_sandbox(
    tmp_path: Path, changes: dict[str, str], expected: bool
) -> None:
    assert load_settings({**_home_with_sandbox(tmp_path), **changes}).sap_write is expected


def test_settings_never_show_a_secret() -> None:
    secrets = {entry.name: f"hidden-{number}" for number, entry in enumerate(NAMES) if entry.is_secret}
    settings = load_settings({**secrets, "BILLSYNC_ENV": "test"})
    shown = f"{settings!r} {settings} {settings.values!r} {Secret('hidden-x')!s}"
    assert "hidden-" not in shown
    assert set(settings.secrets) == set(secrets.values())
    assert settings.require("SAP_PASSWORD") == secrets["BILLSYNC_SAP_PASSWORD"]


def test_settings_asked_for_a_name_that_does_not_exist_refuse() -> None:
    with pytest.raises(ConfigurationError, match="SAP_COLOUR"):
        load_settings({}).get("SAP_COLOUR")


def test_unknown_names_finds_misspelt_ones() -> None:
    assert unknown_names({"BILLSYNC_SAP_ULR": "x", "BILLSYNC_SAP_URL": "x", "PATH": "x"}) == ("BILLSYNC_SAP_ULR",)


def test_env_example_lists_every_name_with_its_default() -> None:
    text = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=(.*)$", text, re.MULTILINE))
    assert listed == {entry.name: entry.default for entry in NAMES}


def test_env_example_lists_what_the_dbt_profile_reads() -> None:
    profile = (REPOSITORY / "dbt_project" / "profiles.yml").read_text(encoding="utf-8")
    read = set(re.findall(r"env_var\('([A-Z0-9_]+)'", profile))
    assert read <= {entry.name for entry in NAMES}
