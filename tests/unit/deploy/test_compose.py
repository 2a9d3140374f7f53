"""The compose file: every service known, healthy before it is needed, and without a password of its own.

It is not started here: that needs a container engine. Its form was checked against the Compose Specification's schema
by hand (docs/how-to/deploy.md).
"""

from __future__ import annotations

import re
from typing import Any, Final

import pytest
import yaml

from billsync.settings import NAMES
from tests.conftest import REPOSITORY

DEPLOY: Final = REPOSITORY / "deploy"
TEXT: Final = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
EXAMPLE: Final = (DEPLOY / "compose.env.example").read_text(encoding="utf-8")
OURS: Final = ("code-location", "webserver", "daemon")


@pytest.fixture
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(TEXT)
    return loaded


def test_compose_has_what_the_system_needs(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"warehouse", "warehouse-setup", "dagster-db", *OURS}


def test_compose_waits_for_services_that_can_tell_that_they_are_ready(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert services[other]["healthcheck"]["test"], f"{name} waits for {other}"
            else:
                assert how["condition"] == "service_completed_successfully"
                assert services[other]["restart"] == "no", "a job that is started again never ends"
    without = {name for name, service in services.items() if "healthcheck" not in service}
    assert without == {"warehouse-setup"}


def test_compose_names_volumes_and_networks_that_exist(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert set(service["networks"]) <= set(compose["networks"])
        for mount in service.get("volumes", []):
            if isinstance(mount, dict):
                assert (DEPLOY / mount["source"]).is_file()
                assert mount["read_only"] is True
            else:
                source = re.sub(r"\$\{[A-Z_]+:-([a-z-]+)\}", r"\1", mount).split(":")[0]
                assert source in compose["volumes"]


def test_compose_databases_are_reached_from_inside_only(compose: dict[str, Any]) -> None:
    assert compose["networks"]["inside"] == {"internal": True}
    for name in ("warehouse", "warehouse-setup", "dagster-db"):
        assert compose["services"][name]["networks"] == ["inside"]
        assert "ports" not in compose["services"][name]
    published = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert [port.split(":")[0] for port in published] == ["127.0.0.1"]


def test_compose_passwords_come_from_outside_and_have_no_default(compose: dict[str, Any]) -> None:
    assert "PASSWORD:-" not in TEXT
    for service in compose["services"].values():
        for name, value in (service.get("environment") or {}).items():
            if "PASSWORD" in name and value:
                assert re.fullmatch(r"\$\{[A-Z_]*PASSWORD:\?[^}]+\}", value), name
    filled = re.findall(r"^([A-Z_]*(?:PASSWORD|TOKEN|SECRET|URLS?))=(.+)$", EXAMPLE, re.MULTILINE)
    assert filled == []


def test_compose_administrators_password_reaches_the_server_only(compose: dict[str, Any]) -> None:
    for name in OURS:
        service = compose["services"][name]
        # The file is for every setting; what is under environment stands above it.
        assert service["env_file"] == ["compose.env"]
        assert service["environment"]["MSSQL_SA_PASSWORD"] == ""


def test_compose_asks_for_nothing_that_its_example_does_not_name() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+)(?::\?)", TEXT))
    assert asked <= set(re.findall(r"^([A-Z_]+)=", EXAMPLE, re.MULTILINE))


def test_compose_environment_names_are_settings(compose: dict[str, Any]) -> None:
    known = {name.name for name in NAMES}
    used = {name for one in OURS for name in compose["services"][one]["environment"]}
    used |= set(re.findall(r"^#? ?([A-Z_]+)=", EXAMPLE, re.MULTILINE))
    assert {name for name in used if name.startswith("BILLSYNC_")} <= known


def test_compose_password_file_is_not_committed() -> None:
    ignored = (REPOSITORY / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "deploy/compose.env" in ignored
    assert "deploy/compose.env" not in (REPOSITORY / ".dockerignore").read_text(encoding="utf-8")


def test_compose_our_containers_have_no_rights_to_spare(compose: dict[str, Any]) -> None:
    for name in OURS:
        service = compose["services"][name]
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
        assert not service.get("privileged")
        assert "docker.sock" not in str(service)


def test_compose_code_location_is_where_the_workspace_looks(compose: dict[str, Any]) -> None:
    workspace = yaml.safe_load((DEPLOY / "dagster" / "workspace.yaml").read_text(encoding="utf-8"))
    server = workspace["load_from"][0]["grpc_server"]
    assert server["host"] in compose["services"]
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    command = dockerfile.splitlines()[-1]
    assert f'"-p", "{server["port"]}"' in command
    assert '"orchestration.definitions"' in command
    assert f'"-p", "{server["port"]}"' in str(compose["services"]["code-location"]["healthcheck"]["test"]).replace(
        "'", '"'
    )
