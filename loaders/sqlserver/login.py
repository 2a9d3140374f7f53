"""Where a SQL Server is and who we are to it: one description that every tool's connection is made from.

What belongs here: the login, and its connection strings for mssql-python, ODBC and SQLAlchemy. What stays out:
connecting (``connection``) and reading the environment (``billsync/settings.py``). dbt reads the same variables
through ``dbt_project/profiles.yml``; the words of ``AUTHENTICATIONS`` are the driver's own, so nothing is translated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

AUTHENTICATIONS: Final = (
    "sql",
    "windows",
    "ActiveDirectoryDefault",
    "ActiveDirectoryIntegrated",
    "ActiveDirectoryInteractive",
    "ActiveDirectoryMSI",
    "ActiveDirectoryPassword",
    "ActiveDirectoryServicePrincipal",
)
BACKENDS: Final = ("mssql-python", "pyodbc")
_NEEDS_USER: Final = frozenset(
    {"sql", "ActiveDirectoryInteractive", "ActiveDirectoryPassword", "ActiveDirectoryServicePrincipal"}
)
_NEEDS_PASSWORD: Final = frozenset({"sql", "ActiveDirectoryPassword", "ActiveDirectoryServicePrincipal"})
_TAKES_USER: Final = _NEEDS_USER | {"ActiveDirectoryMSI"}


@dataclass(frozen=True)
class SqlServerLogin:
    r"""A database of a SQL Server and our identity there.

    Attributes:
        host: name or address; ``host\instance`` for a named instance, whose port the server's browser service tells.
        port: TCP port; not used for a named instance.
        database: the database.
        user: login name, or client id for a service principal or a user-assigned managed identity.
        password: its password or client secret; never shown.
        authentication: one of ``AUTHENTICATIONS``.
        backend: one of ``BACKENDS``.
        driver: ODBC driver, name or path, where the backend is pyodbc.
        encrypt: whether the connection is encrypted; only a test server goes without.
        trust_certificate: whether the server's certificate is taken unseen.
        login_timeout_seconds: longest wait for a connection.
        lock_timeout_seconds: longest wait for a lock that somebody else holds.
        query_timeout_seconds: longest time for one statement.
        current: tells the login as it is now, where parts of it lie in a store and may be rotated.
    """

    host: str
    database: str
    user: str = ""
    password: str = field(default="", repr=False)
    port: int = 1433
    authentication: str = "sql"
    backend: str = "mssql-python"
    driver: str = "ODBC Driver 18 for SQL Server"
    encrypt: bool = True
    trust_certificate: bool = False
    login_timeout_seconds: int = 15
    lock_timeout_seconds: int = 60
    query_timeout_seconds: int = 3600
    current: Callable[[], SqlServerLogin] | None = field(default=None, repr=False, compare=False)

    @property
    def shown(self) -> str:
        """The server and database as a person names them."""
        return f"{self.database} on {self.server}"

    @property
    def server(self) -> str:
        """The server as drivers want it."""
        return self.host if "\\" in self.host else f"{self.host},{self.port}"

    def masked(self, text: str) -> str:
        """The text without the password."""
        return text.replace(self.password, "***") if self.password else text


def login_problem(login: SqlServerLogin) -> str | None:
    """What is wrong with a login before anybody is asked; None when nothing is."""
    way = login.authentication
    rules = (
        (way not in AUTHENTICATIONS, f"authentication {way!r} is none of {', '.join(AUTHENTICATIONS)}"),
        (login.backend not in BACKENDS, f"backend {login.backend!r} is none of {', '.join(BACKENDS)}"),
        (
            way == "ActiveDirectoryDefault" and login.backend == "pyodbc",
            "authentication ActiveDirectoryDefault needs backend mssql-python: the ODBC driver does not know it",
        ),
        (way in _NEEDS_USER and not login.user, f"authentication {way} needs a user"),
        (way in _NEEDS_PASSWORD and not login.password, f"authentication {way} needs a password"),
        (way not in _NEEDS_PASSWORD and bool(login.password), f"authentication {way} takes no password"),
        (way not in _TAKES_USER and bool(login.user), f"authentication {way} takes no user: the process's own is used"),
    )
    return next((problem for is_wrong, problem in rules if is_wrong), None)


def connection_parts(login: SqlServerLogin) -> dict[str, str]:
    """Keywords and values that both drivers understand."""
    parts = {
        "Server": login.server,
        "Database": login.database,
        "Encrypt": "yes" if login.encrypt else "no",
        "TrustServerCertificate": "yes" if login.trust_certificate else "no",
    }
    if login.authentication == "windows":
        parts["Trusted_Connection"] = "yes"
    elif login.authentication != "sql":
        parts["Authentication"] = login.authentication
    if login.user:
        parts["UID"] = login.user
    if login.password:
        parts["PWD"] = login.password
    return parts


def mssql_python_string(login: SqlServerLogin) -> str:
    """The connection string for mssql-python, which names its own driver."""
    return _joined(connection_parts(login))


def odbc_string(login: SqlServerLogin, driver: str) -> str:
    """The connection string for pyodbc.

    Args:
        login: who and where.
        driver: name of an installed driver, or path of a driver's library.
    """
    return f"DRIVER={{{driver}}};{_joined(connection_parts(login))};APP=billsync"


def sqlalchemy_url(login: SqlServerLogin) -> str:
    """SQLAlchemy's URL of the database; it holds the password."""
    parts = connection_parts(login)
    for name in ("Server", "Database", "UID", "PWD"):
        parts.pop(name, None)
    dialect = "mssql+mssqlpython"
    if login.backend == "pyodbc":
        dialect, parts["driver"] = "mssql+pyodbc", login.driver
    who = f"{quote(login.user, safe='')}:{quote(login.password, safe='')}@" if login.user else ""
    where = login.host if "\\" in login.host else f"{login.host}:{login.port}"
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parts.items())
    return f"{dialect}://{who}{where}/{quote(login.database, safe='')}?{query}"


def _joined(parts: Mapping[str, str]) -> str:
    return ";".join(f"{name}={_quoted(value)}" for name, value in parts.items())


def _quoted(value: str) -> str:
    """A value in braces where it holds what would end it; a closing brace inside is doubled."""
    plain = not value or (not any(sign in value for sign in ";{}=") and value.strip() == value)
    return value if plain else "{" + value.replace("}", "}}") + "}"
