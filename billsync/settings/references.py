"""Values that need care: those that lie in AWS, and those that must not be shown.

What belongs here: which settings may refer to AWS, and the wrapping of secrets. What stays out: fetching
(``loaders/aws/stored_values.py``).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

from loaders.aws.stored_values import references, refers

# Read when definitions load, which must work offline.
READ_OFFLINE: Final = frozenset({
    "BILLSYNC_ENV", "BILLSYNC_HOME", "BILLSYNC_FIRST_DAY", "BILLSYNC_WAREHOUSE", "BILLSYNC_DUCKDB_PATH",
    "BILLSYNC_SAP_TRANSPORT", "BILLSYNC_SAP_WRITE", "BILLSYNC_SAP_AMOUNTS", "BILLSYNC_EXTRACT",
    "BILLSYNC_UIPATH_EXCEPTIONS", "BILLSYNC_UIPATH_JOBS", "BILLSYNC_UIPATH_JOB_WAIT", "AWS_ENDPOINT_URL",
})  # fmt: skip

_SHORTEST_MASKED: Final = 4


class Secret:
    """A value that never shows itself: ``repr`` and ``str`` are masked, ``reveal()`` is the one way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value, for the call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


def reference_problem(name: str, text: str) -> str | None:
    """What is wrong with a setting that refers to a value in AWS; None for a good reference and for a plain value."""
    if not refers(text):
        return None
    if name in READ_OFFLINE:
        return f"{name} is read before anything can be fetched: write its value instead of a reference"
    try:
        list(references(text))
    except ValueError as error:
        return f"{name} refers to nothing that can be fetched: {error} (docs/how-to/aws.md)"
    return None


def secret_parts(text: str) -> tuple[str, ...]:
    """What of a secret must not be shown: all of it, and the password of an address as it is and as it is quoted."""
    login = text.rpartition("@")[0].partition("://")[2]
    password = login.partition(":")[2]
    # A few letters stand in every text: to mask them would make it unreadable.
    parts = (text, *(part for part in (password, unquote(password)) if len(part) >= _SHORTEST_MASKED))
    return tuple(dict.fromkeys(filter(None, parts)))
