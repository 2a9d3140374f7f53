"""One login, four tools: what each is given, and that none of them is given something else than the others."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml

from loaders.sqlserver.login import (
    AUTHENTICATIONS,
    SqlServerLogin,
    connection_parts,
    login_problem,
    mssql_python_string,
    odbc_string,
    sqlalchemy_url,
)

REPOSITORY = Path(__file__).resolve().parents[4]
LOGIN = SqlServerLogin("sql01.example", "billing", "loader", "s;e}c=r t")
IDENTITIES = {
    "sql": ("loader", "pw"),
    "windows": ("", ""),
    "ActiveDirectoryDefault": ("", ""),
    "ActiveDirectoryIntegrated": ("", ""),
    "ActiveDirectoryInteractive": ("ann@example.com", ""),
    "ActiveDirectoryMSI": ("client-1", ""),
    "ActiveDirectoryPassword": ("ann@example.com", "pw"),
    "ActiveDirectoryServicePrincipal": ("client-1", "secret"),
}


def login_by(authentication: str) -> SqlServerLogin:
    user, password = IDENTITIES[authentication]
    return replace(LOGIN, authentication=authentication, user=user, password=password)


def test_connection_string_is_encrypted_and_trusts_no_unknown_certificate_by_default() -> None:
    assert mssql_python_string(login_by("sql")) == (
        "Server=sql01.example,1433;Database=billing;Encrypt=yes;TrustServerCertificate=no;UID=loader;PWD=pw"
    )


def test_connection_string_with_odd_password_keeps_it_whole() -> None:
    assert mssql_python_string(LOGIN).endswith("PWD={s;e}}c=r t}")


def test_odbc_string_names_driver_and_program() -> None:
    text = odbc_string(login_by("sql"), "ODBC Driver 18 for SQL Server")
    assert text.startswith("DRIVER={ODBC Driver 18 for SQL Server};Server=")
    assert text.endswith(";APP=billsync")


def test_named_instance_is_reached_without_a_port() -> None:
    assert connection_parts(replace(LOGIN, host="sql01\\billing"))["Server"] == "sql01\\billing"


def test_login_shows_its_password_nowhere() -> None:
    assert LOGIN.password not in repr(LOGIN) + LOGIN.shown
    assert LOGIN.masked(f"tried {LOGIN.password} twice") == "tried *** twice"


@pytest.mark.parametrize("authentication", AUTHENTICATIONS)
def test_every_way_to_log_in_is_complete_with_what_it_needs(authentication: str) -> None:
    assert login_problem(login_by(authentication)) is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"authentication": "kerberos"}, "none of sql, windows"),
        ({"backend": "freetds"}, "none of mssql-python, pyodbc"),
        ({"user": ""}, "needs a user"),
        ({"password": ""}, "needs a password"),
        ({"authentication": "windows", "user": ""}, "takes no password"),
        ({"authentication": "windows", "password": ""}, "takes no user"),
        ({"authentication": "ActiveDirectoryMSI"}, "takes no password"),
        (
            {"authentication": "ActiveDirectoryDefault", "user": "", "password": "", "backend": "pyodbc"},
            "needs backend mssql-python",
        ),
    ],
)
def test_login_that_contradicts_itself_is_told_before_anybody_is_asked(changed: dict[str, str], words: str) -> None:
    problem = login_problem(replace(LOGIN, **changed))  # type: ignore[arg-type]
    assert problem is not None
    assert words in problem


@pytest.mark.parametrize("authentication", AUTHENTICATIONS)
def test_sqlalchemy_gives_the_driver_the_same_words(authentication: str) -> None:
    login = login_by(authentication)
    url = sa.engine.make_url(sqlalchemy_url(login))
    dialect = url.get_dialect()(dbapi=None)
    (text,), _ = dialect.create_connect_args(url)  # type: ignore[misc]
    given = dict(part.split("=", 1) for part in str(text).split(";"))
    assert given == connection_parts(login)


def test_sqlalchemy_url_keeps_odd_passwords() -> None:
    assert sa.engine.make_url(sqlalchemy_url(LOGIN)).password == LOGIN.password


@pytest.mark.parametrize("authentication", AUTHENTICATIONS)
def test_dbt_profile_gives_the_driver_the_same_words(authentication: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from dbt.adapters.sqlserver.sqlserver_backend import build_mssql_python_connection_string
    from dbt.adapters.sqlserver.sqlserver_credentials import SQLServerCredentials
    from dbt.adapters.sqlserver.sqlserver_helpers import (
        validate_connection_requirements,
        validate_mssql_python_requirements,
    )
    from dbt.config.renderer import ProfileRenderer
    from dbt_common.context import set_invocation_context

    login = login_by(authentication)
    for name in [name for name in os.environ if name.startswith("BILLSYNC_SQLSERVER_")]:
        monkeypatch.delenv(name)  # where a server for tests is named
    for name, value in {
        "HOST": login.host, "DATABASE": login.database, "USER": login.user, "PASSWORD": login.password,
        "AUTHENTICATION": authentication,
    }.items():  # fmt: skip
        monkeypatch.setenv(f"BILLSYNC_SQLSERVER_{name}", value)
    set_invocation_context(os.environ)
    profile = yaml.safe_load((REPOSITORY / "dbt_project" / "profiles.yml").read_text(encoding="utf-8"))
    rendered = ProfileRenderer({}).render_data(profile["billsync"]["outputs"]["sqlserver"])
    rendered.pop("type")
    rendered.pop("threads")
    credentials = SQLServerCredentials.from_dict(SQLServerCredentials.translate_aliases(rendered))
    validate_connection_requirements(credentials)
    validate_mssql_python_requirements(credentials)
    built = build_mssql_python_connection_string(credentials)
    words = {part.split("=", 1)[0].lower(): part.split("=", 1)[1] for part in built.split(";")}
    expected = {name.lower(): value for name, value in connection_parts(login).items()}
    assert {name: value.lower() for name, value in words.items()} == {n: v.lower() for n, v in expected.items()}
