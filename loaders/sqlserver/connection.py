"""Connecting to SQL Server, and repeating a whole transaction that the server or the network gave up.

What belongs here: opening a connection with the session settings that all our work needs, and the retry policy. What
stays out: SQL of the raw layer (``loaders/warehouse``) and of the ledger (SQLAlchemy, ``loaders/operational_db.py``).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar

import tenacity

from loaders.aws.stored_values import changes, renewed
from loaders.errors import LoaderError, PermanentError, TransientError
from loaders.sqlserver.errors import failure
from loaders.sqlserver.login import SqlServerLogin, login_problem, mssql_python_string, odbc_string

T = TypeVar("T")

ATTEMPTS: Final = 4
LONGEST_WAIT_SECONDS: Final = 8.0

logger = logging.getLogger(__name__)


def session_settings(login: SqlServerLogin) -> str:
    """What every session of ours is set to.

    XACT_ABORT: an error in a statement ends the whole transaction; without it the statements after it would still be
    committed. LOCK_TIMEOUT: SQL Server waits for ever by default.
    """
    return (
        f"set xact_abort on; set nocount off; set lock_timeout {login.lock_timeout_seconds * 1000}; "
        "set transaction isolation level read committed;"
    )


@contextmanager
def connected(login: SqlServerLogin, what: str, *, autocommit: bool = False) -> Iterator[Any]:
    """A connection for one piece of work; what has not been committed at its end is rolled back.

    Args:
        login: who and where.
        what: the work, for messages.
        autocommit: whether each statement is a transaction of its own.

    Raises:
        LoaderError: typed, for every error of the driver.
    """
    connection = None
    try:
        with typed_failures(login, what):
            connection = open_connection(login, autocommit=autocommit)
            yield connection
    finally:
        if connection is not None:
            # A connection that is lost cannot be closed in an orderly way; the server ends its transaction.
            with suppress(Exception):
                if not autocommit:
                    connection.rollback()
            with suppress(Exception):
                connection.close()


@contextmanager
def typed_failures(login: SqlServerLogin, what: str) -> Iterator[None]:
    """Turn a driver's exceptions into ours.

    Raises:
        LoaderError: typed, for every error of the driver.
    """
    try:
        yield
    except LoaderError:
        raise
    except Exception as error:
        if not is_driver_error(error):
            raise
        raise failure(what, error, login) from error


def open_connection(login: SqlServerLogin, *, autocommit: bool = False) -> Any:
    """A DB-API connection of the login's driver, its session set up.

    Raises:
        PermanentError: the login contradicts itself; nobody was asked.
        Exception: the driver's own.
    """
    connection = _opened(login, autocommit=autocommit)
    connection.timeout = login.query_timeout_seconds
    cursor = connection.cursor()
    cursor.execute(session_settings(login))
    cursor.close()
    if not autocommit:
        connection.commit()
    return connection


def _opened(login: SqlServerLogin, *, autocommit: bool) -> Any:
    """A connection with the login as it is now; when that is refused and another by now, with that."""
    before = changes()
    try:
        return _open_with(login.current() if login.current else login, autocommit=autocommit)
    except Exception:
        if login.current is None or not renewed(before):
            raise
        return _open_with(login.current(), autocommit=autocommit)


def _open_with(login: SqlServerLogin, *, autocommit: bool) -> Any:
    if problem := login_problem(login):
        raise PermanentError(f"Connecting to {login.shown}", problem, "Correct the BILLSYNC_SQLSERVER_ settings.")
    opener = _open_pyodbc if login.backend == "pyodbc" else _open_mssql_python
    return opener(login, autocommit=autocommit)


def _open_mssql_python(login: SqlServerLogin, *, autocommit: bool) -> Any:
    import mssql_python  # noqa: PLC0415 - loads the driver's library; only where SQL Server is used

    return mssql_python.connect(mssql_python_string(login), autocommit=autocommit, timeout=login.login_timeout_seconds)


def _open_pyodbc(login: SqlServerLogin, *, autocommit: bool) -> Any:
    import pyodbc  # noqa: PLC0415 - see _open_mssql_python

    return pyodbc.connect(
        odbc_string(login, login.driver),
        autocommit=autocommit,
        timeout=login.login_timeout_seconds,
    )


def is_driver_error(error: BaseException) -> bool:
    """Whether a driver raised it, or is missing; told by the package of its class, as the other need not be there."""
    is_missing = isinstance(error, ImportError)
    return is_missing or any(
        kind.__module__.partition(".")[0] in {"mssql_python", "pyodbc"} for kind in type(error).__mro__
    )


def repeated(
    work: Callable[[], T], *, attempts: int = ATTEMPTS, longest_wait_seconds: float = LONGEST_WAIT_SECONDS
) -> T:
    """Do a whole transaction, again when it failed in a way that passes, with growing and jittered waits.

    The work must be such that doing it twice is like doing it once: an answer to its commit can be lost.
    """
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(TransientError),
        stop=tenacity.stop_after_attempt(attempts),
        wait=tenacity.wait_random_exponential(multiplier=0.5, max=longest_wait_seconds),
        before_sleep=_log_repeat,
        reraise=True,
    )
    return retrying(work)


def _log_repeat(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    logger.warning("attempt %d failed, it is tried again: %s", state.attempt_number, error)
