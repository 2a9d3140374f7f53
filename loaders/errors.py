"""Typed failures of everything that crosses a system boundary, and the one rule that tells them apart.

What belongs here: the two kinds of failure a caller can act on, and pure functions that decide the kind.
What stays out: retrying (``loaders/http.py``) and protocol knowledge (the clients).

A message names what was tried, why it failed and what to do; it never holds a secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal


class LoaderError(Exception):
    """A failure at a system boundary, told as what, why and what to do.

    Attributes:
        what: what was attempted.
        why: the cause as far as it is known.
        remedy: what a person can do.
    """

    def __init__(self, what: str, why: str, remedy: str) -> None:
        super().__init__(f"{what}: {why}. {remedy}")
        self.what = what
        self.why = why
        self.remedy = remedy


class TransientError(LoaderError):
    """The same call may succeed later without anybody changing anything.

    Attributes:
        retry_after_seconds: how long the other side asked to wait, if it did.
        outcome_unknown: whether the other side may have done the work although no answer came.
        status: HTTP status, when there was an answer.
    """

    def __init__(
        self,
        what: str,
        why: str,
        remedy: str = "It is tried again; if it lasts, ask the owner of that system.",
        *,
        retry_after_seconds: float | None = None,
        outcome_unknown: bool = False,
        status: int | None = None,
    ) -> None:
        super().__init__(what, why, remedy)
        self.retry_after_seconds = retry_after_seconds
        self.outcome_unknown = outcome_unknown
        self.status = status


class PermanentError(LoaderError):
    """Trying again changes nothing: somebody has to correct data, configuration or rights.

    Attributes:
        status: HTTP status, when there was an answer.
    """

    def __init__(self, what: str, why: str, remedy: str, *, status: int | None = None) -> None:
        super().__init__(what, why, remedy)
        self.status = status


class MissingTableError(PermanentError):
    """A query names a table that does not exist (yet): the day that makes it has not come so far."""


TRANSIENT_STATUSES = frozenset({408, 425, 429, 502, 503, 504})
"""Statuses that say "not now". A plain 500 is not among them: what broke the server once breaks it again."""

_OK_STATUSES = range(200, 300)


@dataclass(frozen=True)
class ResponseClass:
    """What an HTTP answer means for the caller.

    Attributes:
        outcome: ``ok``, ``transient`` or ``permanent``.
        retry_after_seconds: wait that the server asked for (never negative), None when it asked for none.
    """

    outcome: Literal["ok", "transient", "permanent"]
    retry_after_seconds: float | None = None


def classify_response(status: int, headers: Mapping[str, str], now: datetime | None = None) -> ResponseClass:
    """Decide from status and headers whether an answer is good, worth another try, or final.

    Args:
        status: HTTP status code.
        headers: answer headers; names are compared without regard to case.
        now: the instant a ``Retry-After`` date is compared with; the clock's when None.
    """
    if status in _OK_STATUSES:
        return ResponseClass("ok")
    if status not in TRANSIENT_STATUSES:
        return ResponseClass("permanent")
    lowered = {name.lower(): value for name, value in headers.items()}
    return ResponseClass("transient", parse_retry_after(lowered.get("retry-after"), now))


def certificate_failure(error: Exception, how_to_trust: str) -> tuple[str, str]:
    """Why a server's certificate was not accepted, and what to do, in a client's words about it.

    Args:
        error: what the client raised.
        how_to_trust: what to do where only the authority is unknown.
    """
    text = str(error)
    for sign, why, remedy in _CERTIFICATES:
        if sign in text:
            return why, f"{remedy} Verification is never switched off."
    return "the server's certificate is not trusted", f"{how_to_trust}; verification is never switched off."


_CERTIFICATES = (
    ("certificate has expired", "the server's certificate has expired", "Have its owner renew it."),
    ("not yet valid", "the server's certificate is not valid yet", "Check this machine's clock, or ask its owner."),
    ("mismatch", "the server's certificate is for another host", "Check the configured address."),
    ("doesn't match", "the server's certificate is for another host", "Check the configured address."),
    ("WRONG_VERSION_NUMBER", "what answers there does not speak TLS", "Check scheme and port of the address."),
)


def parse_retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Read a ``Retry-After`` header, seconds or HTTP date; None when absent or not understood."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
