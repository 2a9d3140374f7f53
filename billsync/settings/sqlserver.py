"""The SQL Server that the names ``BILLSYNC_SQLSERVER_*`` describe.

What belongs here: text into a checked login. What stays out: connecting (``loaders/sqlserver``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from billsync.settings.checked import switch, whole_number
from billsync.settings.names import ConfigurationError
from loaders.sqlserver.login import SqlServerLogin, login_problem

if TYPE_CHECKING:
    from billsync.settings.values import Settings

_LARGEST_PORT: Final = 65535
_LONGEST_LOCK_SECONDS: Final = 3600


def sqlserver_login(settings: Settings) -> SqlServerLogin:
    """Read and check the names ``BILLSYNC_SQLSERVER_*``.

    Raises:
        ConfigurationError: one is missing, is no such value, or two contradict each other.
    """
    login = SqlServerLogin(
        host=settings.require("SQLSERVER_HOST"),
        port=whole_number(settings, "BILLSYNC_SQLSERVER_PORT", _LARGEST_PORT),
        database=settings.require("SQLSERVER_DATABASE"),
        user=settings.get("SQLSERVER_USER") or "",
        password=settings.get("SQLSERVER_PASSWORD") or "",
        authentication=settings.require("SQLSERVER_AUTHENTICATION"),
        backend=settings.require("SQLSERVER_BACKEND"),
        driver=settings.require("SQLSERVER_DRIVER"),
        encrypt=switch(settings, "BILLSYNC_SQLSERVER_ENCRYPT"),
        trust_certificate=switch(settings, "BILLSYNC_SQLSERVER_TRUST_CERT"),
        lock_timeout_seconds=whole_number(settings, "BILLSYNC_SQLSERVER_LOCK_TIMEOUT", _LONGEST_LOCK_SECONDS),
        current=(lambda: sqlserver_login(settings)) if settings.refers_to("BILLSYNC_SQLSERVER_") else None,
    )
    if problem := login_problem(login):
        msg = (
            f"the SQL Server settings do not fit together: {problem} (BILLSYNC_SQLSERVER_*, docs/how-to/sql-server.md)"
        )
        raise ConfigurationError(msg)
    return login
