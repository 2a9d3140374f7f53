"""Settings that lie in Secrets Manager and SSM: fetched at use, rotated without a restart, never shown."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from billsync.doctor import examine
from billsync.settings import NAMES, ConfigurationError, Settings, load_settings
from billsync.settings.references import READ_OFFLINE
from loaders import operational_db
from loaders.aws import stored_values
from loaders.aws.clients import open_client
from loaders.errors import LoaderError, PermanentError
from loaders.http import HttpSession
from loaders.sources.extract import Extract
from loaders.sqlserver import connection as sqlserver
from loaders.sqlserver.login import SqlServerLogin
from orchestration.assets.extract import _extract_day, _Tally
from orchestration.build import build_defs
from orchestration.dbt_runner import dbt_target
from orchestration.recorded import recorded
from orchestration.sources import Source
from orchestration.systems import Systems
from tests.aws_stand_in import Proxy

DAY = date(2026, 3, 5)
PASSWORD = "p@ss/w:rd#1"


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    stored_values._kept.clear()
    monkeypatch.setattr(stored_values, "FETCH_SECONDS", 1.0)


@pytest.fixture
def secrets(aws: Proxy) -> Any:
    client = open_client("secretsmanager")
    client.create_secret(Name="billsync/token", SecretString="token-one")
    client.create_secret(Name="billsync/db", SecretString=json.dumps({"username": "loader", "password": PASSWORD}))
    aws.requests.clear()
    return client


def settings_with(**values: str) -> Settings:
    return load_settings({"BILLSYNC_ENV": "test", **{f"BILLSYNC_{name}": text for name, text in values.items()}})


def test_value_in_either_store_is_fetched_when_it_is_used_and_not_before(secrets: Any, aws: Proxy) -> None:
    ssm = open_client("ssm")
    ssm.put_parameter(Name="/billsync/landing", Value="s3://landing/r", Type="String")
    ssm.put_parameter(Name="/billsync/sap", Value="sealed", Type="SecureString")
    aws.requests.clear()
    settings = settings_with(
        METERING_API_TOKEN="secretsmanager:billsync/token",
        LANDING="ssm:/billsync/landing",
        SAP_PASSWORD="ssm:/billsync/sap",
        SAP_USER="secretsmanager:billsync/db#username",
    )
    assert aws.requests == []
    assert settings.require("METERING_API_TOKEN") == "token-one"
    assert settings.require("LANDING") == "s3://landing/r"
    assert settings.require("SAP_PASSWORD") == "sealed"
    assert settings.require("SAP_USER") == "loader"
    assert len(aws.requests) == 4
    assert {"token-one", "sealed"} <= set(settings.secrets)
    assert "token-one" not in repr(settings)


def test_value_is_asked_for_once_in_a_burst_however_often_it_is_used(secrets: Any, aws: Proxy) -> None:
    settings = settings_with(METERING_API_TOKEN="secretsmanager:billsync/token")
    assert {settings.get("METERING_API_TOKEN") for _ in range(20)} == {"token-one"}
    assert len(aws.requests) == 1


def test_value_rotated_meanwhile_is_used_by_the_same_process(secrets: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_with(METERING_API_TOKEN="secretsmanager:billsync/token")
    assert settings.get("METERING_API_TOKEN") == "token-one"
    secrets.put_secret_value(SecretId="billsync/token", SecretString="token-two")
    assert settings.get("METERING_API_TOKEN") == "token-one"
    monkeypatch.setattr(stored_values, "KEPT_SECONDS", 0.0)
    assert settings.get("METERING_API_TOKEN") == "token-two"


def test_values_inside_an_address_are_quoted_and_come_in_one_request(secrets: Any, aws: Proxy) -> None:
    from sqlalchemy.engine import make_url

    settings = settings_with(
        SOURCE_DB_URL="mssql+pyodbc://{secretsmanager:billsync/db#username}:{secretsmanager:billsync/db#password}@host/db",
    )
    url = make_url(settings.require("SOURCE_DB_URL"))
    assert (url.username, url.password, url.host) == ("loader", PASSWORD, "host")
    assert PASSWORD in settings.secrets
    assert len(aws.requests) == 1


def test_braces_that_are_no_reference_stay(aws: Proxy) -> None:
    assert settings_with().require("SAP_SOAP_PATH") == "/sap/bc/srt/xip/sap/{interface}"


def test_arn_says_the_region_of_a_secret(aws: Proxy) -> None:
    there = open_client("secretsmanager", region="us-east-1")
    arn = there.create_secret(Name="far", SecretString="away")["ARN"]
    assert settings_with(SAP_PASSWORD=f"secretsmanager:{arn}").require("SAP_PASSWORD") == "away"
    with pytest.raises(PermanentError, match="AWS has nothing of that name"):
        settings_with(SAP_PASSWORD="secretsmanager:far").require("SAP_PASSWORD")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("secretsmanager:billsync/none", "Fetching secretsmanager:billsync/none for BILLSYNC_SAP_PASSWORD.*nothing of"),
        ("ssm:/none", "Fetching ssm:/none for BILLSYNC_SAP_PASSWORD.*nothing of that name.*region"),
        ("secretsmanager:billsync/db#pass", "no text under pass"),
        ("secretsmanager:billsync/token#password", "no text under password"),
    ],
)
def test_value_that_is_not_there_is_named_and_nothing_of_it_is_shown(secrets: Any, text: str, words: str) -> None:
    with pytest.raises(PermanentError, match=words) as caught:
        settings_with(SAP_PASSWORD=text).require("SAP_PASSWORD")
    assert "token-one" not in str(caught.value)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (400, "AccessDeniedException", "may not do this.*docs/how-to/aws.md"),
        (400, "ExpiredTokenException", "have expired"),
        (400, "ThrottlingException", "fewer requests"),
        (500, "InternalServiceError", "cannot do it now"),
    ],
)
def test_store_that_refuses_says_why_and_the_next_use_succeeds(
    secrets: Any, aws: Proxy, status: int, code: str, words: str
) -> None:
    settings = settings_with(METERING_API_TOKEN="secretsmanager:billsync/token")
    aws.fail("POST", "/", speaks="json", status=status, code=code, times=99)
    with pytest.raises(LoaderError, match=words):
        settings.require("METERING_API_TOKEN")
    aws.faults.clear()
    assert settings.require("METERING_API_TOKEN") == "token-one"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("WAREHOUSE", "ssm:/warehouse", "before anything can be fetched"),
        ("SAP_PASSWORD", "secretsmanager:", "refers to nothing"),
        ("SOURCE_DB_URL", "mssql://{secretsmanager:}@host", "refers to nothing"),
    ],
)
def test_reference_that_cannot_be_one_is_refused_with_its_name(name: str, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=f"BILLSYNC_{name} .*{words}"):
        settings_with(**{name: text})


def test_definitions_load_without_fetching_anything(
    aws: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    references = {entry.name: "secretsmanager:x#y" for entry in NAMES if entry.name not in READ_OFFLINE}
    settings = load_settings({**references, "BILLSYNC_ENV": "prod", "BILLSYNC_HOME": str(tmp_path)})
    build_defs(settings, manifest={"nodes": {}, "sources": {}, "child_map": {}, "parent_map": {}, "metrics": {}})
    assert aws.requests == []


def test_dbt_is_given_what_its_profile_needs_and_the_manifest_is_not(secrets: Any, aws: Proxy) -> None:
    target = dbt_target(settings_with(SQLSERVER_PASSWORD="secretsmanager:billsync/db#password"))
    assert aws.requests == []
    assert dict(target.fetched()) == {"BILLSYNC_SQLSERVER_PASSWORD": PASSWORD}
    assert PASSWORD not in repr(target)


def test_doctor_says_of_each_reference_whether_it_can_be_fetched(secrets: Any, tmp_path: Path) -> None:
    findings = {
        one.what: one
        for one in examine(
            {
                "BILLSYNC_HOME": str(tmp_path),
                "BILLSYNC_SAP_PASSWORD": "secretsmanager:billsync/db#password",
                "BILLSYNC_METERING_API_TOKEN": "ssm:/none",
            }
        )
    }
    assert findings["BILLSYNC_SAP_PASSWORD"].ok
    assert not findings["BILLSYNC_METERING_API_TOKEN"].ok
    assert PASSWORD not in str(findings)


class Api(BaseHTTPRequestHandler):
    """Lets in whoever brings the token of the moment."""

    token = ""
    served = 0

    def do_GET(self) -> None:
        is_let_in = self.headers["Authorization"] == f"Bearer {type(self).token}"
        type(self).served += is_let_in
        self.send_response(200 if is_let_in else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the test output quiet."""


@contextmanager
def api(token: str) -> Iterator[str]:
    Api.token, Api.served = token, 0
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize("is_rotated", [True, False])
def test_source_that_refuses_a_token_is_read_again_only_if_it_was_rotated(
    secrets: Any, tmp_path: Path, is_rotated: bool
) -> None:
    systems = Systems(
        {
            "BILLSYNC_ENV": "test",
            "BILLSYNC_HOME": str(tmp_path),
            "BILLSYNC_METERING_API_TOKEN": "secretsmanager:billsync/token",
        }
    )
    assert systems.settings.require("METERING_API_TOKEN") == "token-one"
    tries = 0

    def read(systems: Systems, _day: date, _folder: Path) -> list[Extract]:
        nonlocal tries
        tries += 1
        with HttpSession(headers={"Authorization": f"Bearer {systems.settings.require('METERING_API_TOKEN')}"}) as http:
            http.request("GET", url)
        return [Extract("metering_api", [], {})]

    systems.ensure_raw_schema()
    tally = _Tally()
    with api("token-two") as url:
        if is_rotated:
            secrets.put_secret_value(SecretId="billsync/token", SecretString="token-two")
        _extract_day(systems, Source("metering_api", {"metering_api": ""}, read), DAY, tally)
    assert (Api.served, bool(tally.failures)) == ((1, False) if is_rotated else (0, True))
    assert tries == (2 if is_rotated else 1)


def test_step_that_sap_refuses_is_done_again_when_its_password_was_rotated(secrets: Any, tmp_path: Path) -> None:
    systems = Systems(
        {
            "BILLSYNC_ENV": "test",
            "BILLSYNC_HOME": str(tmp_path),
            "BILLSYNC_SAP_PASSWORD": "secretsmanager:billsync/token",
        }
    )
    tried: list[str] = []

    def act() -> tuple[dict[str, object], list[str]]:
        tried.append(systems.settings.require("SAP_PASSWORD"))
        if tried[-1] != "token-two":
            raise PermanentError("Logging on", "answered 401", "Check the password.")
        return {"sent": 3}, []

    systems.ensure_raw_schema()
    assert recorded(systems, "sap_load", DAY, act) == ({}, ["Logging on: answered 401. Check the password."])
    secrets.put_secret_value(SecretId="billsync/token", SecretString="token-two")
    assert recorded(systems, "sap_load", DAY, act) == ({"sent": 3}, [])
    assert tried == ["token-one", "token-one", "token-two"]


def test_value_that_changed_while_work_went_on_counts_as_renewed_whoever_fetched_it(
    secrets: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_with(METERING_API_TOKEN="secretsmanager:billsync/token")
    before = stored_values.changes()
    settings.require("METERING_API_TOKEN")
    assert not stored_values.renewed(before)
    secrets.put_secret_value(SecretId="billsync/token", SecretString="token-two")
    monkeypatch.setattr(stored_values, "KEPT_SECONDS", 0.0)
    assert settings.require("METERING_API_TOKEN") == "token-two"
    assert stored_values.renewed(before)
    assert not stored_values.renewed(stored_values.changes())


class Refusing:
    """A database's driver that knows one password."""

    def __init__(self, password: str) -> None:
        self.password = password
        self.tried: list[str] = []

    def connect(self, password: str) -> str:
        self.tried.append(password)
        if password != self.password:
            raise ConnectionRefusedError("login failed")
        return "connected"


def test_connection_of_an_open_engine_takes_the_password_of_the_moment(secrets: Any) -> None:
    settings = settings_with(LEDGER_URL="mssql+pyodbc://loader:{secretsmanager:billsync/db#password}@host/db")
    assert PASSWORD in settings.secrets or settings.ledger_url
    secrets.put_secret_value(SecretId="billsync/db", SecretString=json.dumps({"password": "another"}))
    driver = Refusing("another")

    class Dialect:
        def create_connect_args(self, url: Any) -> tuple[list[str], dict[str, str]]:
            return [url.password], {}

        connect = staticmethod(driver.connect)

    found = operational_db._connect_now(lambda: settings.ledger_url, Dialect(), None, (), {})  # type: ignore[arg-type]
    assert found == "connected"
    assert driver.tried == [PASSWORD, "another"]


def test_connection_to_sql_server_takes_the_password_of_the_moment(
    secrets: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from billsync.settings.sqlserver import sqlserver_login

    settings = settings_with(
        SQLSERVER_HOST="host",
        SQLSERVER_DATABASE="db",
        SQLSERVER_USER="loader",
        SQLSERVER_PASSWORD="secretsmanager:billsync/db#password",
    )
    login = sqlserver_login(settings)
    secrets.put_secret_value(SecretId="billsync/db", SecretString=json.dumps({"password": "another"}))
    driver = Refusing("another")

    def open_with(login: SqlServerLogin, *, autocommit: bool) -> str:
        return driver.connect(login.password)

    monkeypatch.setattr(sqlserver, "_open_mssql_python", open_with)
    assert sqlserver._opened(login, autocommit=False) == "connected"
    assert sqlserver._opened(login, autocommit=False) == "connected"
    assert driver.tried == [PASSWORD, "another", "another"]
