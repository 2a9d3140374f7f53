"""What a SQL Server error means for the caller: try again, or who has to repair what.

What belongs here: reading SQLSTATE, number and words out of the two drivers' exceptions, and one table from these to
typed failures. What stays out: trying again (``connection``).

mssql-python keeps no SQLSTATE and no number, only its own phrase for the SQLSTATE and the server's words; pyodbc has
the SQLSTATE and writes the number in brackets. Hence the table goes by all three. Servers that speak T-SQL but are
not Microsoft's word some errors differently; the patterns know those words too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from loaders.errors import LoaderError, MissingTableError, PermanentError, TransientError
from loaders.sqlserver.login import SqlServerLogin


class Kind(StrEnum):
    """Kinds of failure that a caller or a person treats differently."""

    DRIVER = "driver not usable"
    LOGIN_REFUSED = "login refused"
    DATABASE_MISSING = "database missing"
    CERTIFICATE = "certificate not accepted"
    UNREACHABLE = "server not reached"
    CONNECTION_LOST = "connection lost"
    DEADLOCK = "deadlock"
    LOCK_TIMEOUT = "lock time-out"
    TIMEOUT = "time-out"
    MISSING_TABLE = "table missing"
    NOT_ALLOWED = "right missing"
    FULL = "no space"
    BUSY = "server busy"
    OTHER = "refused"


@dataclass(frozen=True)
class ServerError:
    """What a driver tells of an error.

    Attributes:
        state: SQLSTATE, or empty where the driver hides it.
        phrase: mssql-python's phrase for the SQLSTATE, or empty.
        number: the server's error number; None where the driver hides it.
        text: the server's words.
    """

    state: str
    phrase: str
    number: int | None
    text: str


_NUMBER: Final = re.compile(r"\((\d{3,5})\)(?!.*\(\d{3,5}\))", re.DOTALL)
_STATE: Final = re.compile(r"[0-9A-Z]{5}")


def read_error(error: BaseException) -> ServerError:
    """Read a driver's exception."""
    phrase = str(getattr(error, "driver_error", "") or "")
    if phrase:
        words = str(getattr(error, "ddbc_error", "") or "")
        hidden = re.search(r"SQLSTATE code: ([0-9A-Z]{5})", phrase)
        return ServerError(hidden[1] if hidden else "", phrase, None, words)
    first = str(error.args[0]) if error.args else ""
    text = str(error.args[1]) if len(error.args) > 1 else str(error)
    number = _NUMBER.search(text)
    return ServerError(first if _STATE.fullmatch(first) else "", "", int(number[1]) if number else None, text)


def _has(pattern: str) -> Callable[[ServerError], bool]:
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda found: compiled.search(found.text) is not None


def _is(*numbers: int) -> Callable[[ServerError], bool]:
    return lambda found: found.number in numbers


def _state(*states: str) -> Callable[[ServerError], bool]:
    return lambda found: found.state in states


def _phrase(*phrases: str) -> Callable[[ServerError], bool]:
    return lambda found: found.phrase in phrases


# The first rule that fits decides. Words go before SQLSTATEs: 08001 covers everything between a wrong name and an
# expired certificate, 28000 both a wrong password and a missing database.
_RULES: Final[tuple[tuple[Kind, tuple[Callable[[ServerError], bool], ...]], ...]] = (
    (
        Kind.DRIVER,
        (
            _state("IM002", "IM003", "IM004"),
            _has(r"failed to load the driver|can't open lib|libodbc|no module named|data source name not found"),
        ),
    ),
    (Kind.CERTIFICATE, (_has(r"certificate|ssl provider|tls handshake"),)),
    (Kind.DATABASE_MISSING, (_is(4060, 911), _has(r"cannot open database|database \"?.*\"? does not exist"))),
    (
        Kind.LOGIN_REFUSED,
        (
            _is(18456, 18452, 18470, 18486, 18487, 18488),
            _has(r"login failed|authentication failed|cannot generate sspi context|no kerberos credentials"),
            _state("28000"),
            _phrase("Invalid authorization specification"),
        ),
    ),
    (
        Kind.DEADLOCK,
        (_is(1205), _has(r"deadlock"), _state("40001"), _phrase("Serialization failure")),
    ),
    (Kind.LOCK_TIMEOUT, (_is(1222), _has(r"lock request time ?out|lock timeout|could not obtain lock"))),
    (
        Kind.BUSY,
        (
            _is(701, 8645, 8651, 10928, 10929, 40197, 40501, 40613, 49918, 49919),
            _has(r"too many (clients|connections)"),
            # A catalogue that was read while another thread dropped its scratch view; not on SQL Server itself.
            _has(r"__dbt_tmp(_vw)?\" does not exist"),
        ),
    ),
    (
        Kind.MISSING_TABLE,
        (
            _is(208),
            _has(r"invalid object name|relation \".*\" does not exist"),
            _state("42S02"),
            _phrase("Base table or view not found"),
        ),
    ),
    (Kind.NOT_ALLOWED, (_is(229, 230, 262, 297, 300, 916, 15247), _has(r"permission (was )?denied"))),
    (Kind.FULL, (_is(1105, 9002, 1101), _has(r"transaction log .* is full|could not allocate|no space left"))),
    (
        Kind.CONNECTION_LOST,
        (
            _state("08S01", "08S02", "08003", "08007", "10054", "01002"),
            _phrase(
                "Communication link failure",
                "Connection not open",
                "Connection failure during transaction",
                "Disconnect error",
            ),
            _has(r"communication link failure|connection (is|was) (closed|broken)|error code 0x(2746|68|20)\b"),
            # An answer that ends in its middle, or a gateway that answers in the server's place.
            _has(r"protocol error in tds stream"),
        ),
    ),
    (
        Kind.UNREACHABLE,
        (
            _state("08001", "08004"),
            _phrase("Client unable to establish connection", "Server rejected the connection"),
            _has(r"login timeout expired|tcp provider|server is not found"),
        ),
    ),
    (Kind.TIMEOUT, (_state("HYT00", "HYT01"), _phrase("Timeout expired", "Connection timeout expired"))),
)

TRANSIENT: Final = frozenset(
    {Kind.UNREACHABLE, Kind.CONNECTION_LOST, Kind.DEADLOCK, Kind.LOCK_TIMEOUT, Kind.BUSY, Kind.TIMEOUT}
)

_REMEDIES: Final = {
    Kind.DRIVER: "Install the system libraries that the driver needs: for mssql-python libltdl7 and libkrb5-3 (Debian, "
    "Ubuntu) or libtool-ltdl and krb5-libs (Red Hat); for BILLSYNC_SQLSERVER_BACKEND=pyodbc unixODBC and Microsoft's "
    "ODBC Driver 18, named by BILLSYNC_SQLSERVER_DRIVER",
    Kind.LOGIN_REFUSED: "Check BILLSYNC_SQLSERVER_USER, _PASSWORD and _AUTHENTICATION, and that the login may connect; "
    "it is not tried again, so that the account is not locked",
    Kind.DATABASE_MISSING: "Check BILLSYNC_SQLSERVER_DATABASE; a database administrator makes database and user "
    "(docs/how-to/sql-server.md)",
    Kind.CERTIFICATE: "Give the server a valid certificate for this host name, signed by an authority that this "
    "machine trusts; BILLSYNC_SQLSERVER_TRUST_CERT=True is for test servers only",
    Kind.UNREACHABLE: "Check BILLSYNC_SQLSERVER_HOST and _PORT, the network and that the server is up",
    Kind.CONNECTION_LOST: "Nothing of the transaction was kept; run again when the server or the network is stable",
    Kind.DEADLOCK: "Run again; if it lasts, see which other work uses the same tables at this time",
    Kind.LOCK_TIMEOUT: "Somebody else holds the table: end that transaction or wait for it, then run again",
    Kind.TIMEOUT: "See what keeps the server busy, then run again",
    Kind.MISSING_TABLE: "Run the billing day that makes it first",
    Kind.NOT_ALLOWED: "Give the user the rights of deploy/sqlserver/grants.sql",
    Kind.FULL: "Make room for the database or its transaction log, then run again",
    Kind.BUSY: "Run again when the server has memory and connections to spare",
    Kind.OTHER: "See the server's words; nothing of the transaction was kept",
}


def kind_of(found: ServerError) -> Kind:
    """Decide what kind of failure it is."""
    for kind, tests in _RULES:
        if any(test(found) for test in tests):
            return kind
    return Kind.OTHER


def is_passing(text: str) -> bool:
    """Whether an error that a tool shows only as text is one that may be gone when it is tried again."""
    state = re.search(r"\('([0-9A-Z]{5})'", text)
    phrase = re.search(r"Driver Error: ([^;]+);", text)
    number = _NUMBER.search(text) if state else None
    found = ServerError(
        state[1] if state else "", phrase[1].strip() if phrase else "", int(number[1]) if number else None, text
    )
    return kind_of(found) in TRANSIENT


def failure(what: str, error: BaseException, login: SqlServerLogin) -> LoaderError:
    """A driver's exception as a typed failure; the password is in none of its words.

    Args:
        what: what was attempted.
        error: the driver's exception.
        login: the login, for the server's name and for masking.
    """
    found = read_error(error)
    kind = kind_of(found)
    words = " ".join(f"{found.phrase}: {found.text}".strip(": ").split())
    why = login.masked(f"{kind.value}: {login.shown} ({words[:600]})")
    remedy = f"{_REMEDIES[kind]}."
    if kind in TRANSIENT:
        return TransientError(what, why, remedy, outcome_unknown=kind == Kind.CONNECTION_LOST)
    if kind == Kind.MISSING_TABLE:
        return MissingTableError(what, why, remedy)
    return PermanentError(what, why, remedy)
