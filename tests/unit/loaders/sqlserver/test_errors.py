"""What a driver's exception means for the caller: driver exceptions as they were seen, by their words alone."""

from __future__ import annotations

import pytest

from loaders.errors import LoaderError, PermanentError, TransientError
from loaders.sqlserver.connection import typed_failures
from loaders.sqlserver.errors import Kind, ServerError, failure, kind_of
from loaders.sqlserver.login import SqlServerLogin

LOGIN = SqlServerLogin("sql01.example", "billsync", "billsync", "Secret-1")


class DriverError(Exception):
    """As mssql-python's exceptions: a phrase for the SQLSTATE, and words."""

    def __init__(self, driver_error: str, ddbc_error: str) -> None:
        super().__init__(f"Driver Error: {driver_error}; DDBC Error: {ddbc_error}")
        self.driver_error, self.ddbc_error = driver_error, ddbc_error


@pytest.mark.parametrize(
    ("phrase", "words", "kind"),
    [
        ("Connection operation failed", "Failed to load the driver. Please read the documentation", Kind.DRIVER),
        ("Communication link failure", "[Microsoft]TCP Provider: Error code 0x2746", Kind.CONNECTION_LOST),
        ("General error", "[Microsoft]Protocol error in TDS stream", Kind.CONNECTION_LOST),
        ("Client unable to establish connection", "[Microsoft]TCP Provider: Error code 0x2749", Kind.UNREACHABLE),
        ("Client unable to establish connection", "[Microsoft]TCP Provider: Timeout error [258].", Kind.UNREACHABLE),
        ("Client unable to establish connection", "SSL Provider: certificate verify failed", Kind.CERTIFICATE),
        ("Invalid authorization specification", 'Login failed for user "x"', Kind.LOGIN_REFUSED),
        ("Server rejected the connection", 'Cannot open database "x" requested by the login.', Kind.DATABASE_MISSING),
    ],
)
def test_failure_is_told_by_its_kind(phrase: str, words: str, kind: Kind) -> None:
    assert kind_of(ServerError("", phrase, None, words)) == kind
    found = failure("Reading", DriverError(phrase, words), LOGIN)
    assert found.why.startswith(f"{kind.value}: billsync on sql01.example,1433")
    passes = kind in {Kind.CONNECTION_LOST, Kind.UNREACHABLE}
    assert isinstance(found, TransientError if passes else PermanentError)


@pytest.mark.parametrize(
    "words",
    ["libodbc.so.2: cannot open shared object file: No such file or directory", "No module named 'pyodbc'"],
)
def test_driver_that_is_missing_names_the_packages(words: str) -> None:
    with pytest.raises(LoaderError) as raised, typed_failures(LOGIN, "Reading"):
        raise ImportError(words)
    assert isinstance(raised.value, PermanentError)
    assert "driver not usable" in raised.value.why
    assert "libltdl7" in raised.value.remedy
    assert "unixODBC" in raised.value.remedy
