"""Who we are to UiPath Orchestrator: a personal access token, or an external application's own tokens.

What belongs here: getting a token, keeping it while it is good, getting the next. What stays out: requests to
Orchestrator itself (``orchestrator``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlencode

from loaders.errors import PermanentError
from loaders.http import HttpResponse, HttpSession, safe_url

# A token that ends while a request is on its way would be refused.
EARLY_SECONDS = 60.0
_REFUSALS = frozenset({400, 401, 403, 404})


class Tokens(Protocol):
    """Where tokens come from."""

    def current(self) -> str:
        """A token that should be good now."""

    def renew(self, refused: str) -> bool:
        """Drop a refused token; False when there will be no other."""


@dataclass(frozen=True)
class PersonalToken:
    """A personal access token; it is what it is until a person makes another.

    Attributes:
        token: the token.
    """

    token: str = field(repr=False)

    def current(self) -> str:
        """The token."""
        return self.token

    def renew(self, refused: str) -> bool:  # noqa: ARG002 - there is only this one
        """There is no other."""
        return False


@dataclass
class ClientCredentials:
    """Tokens of an external application (OAuth2 client credentials); the flow has no refresh tokens.

    Attributes:
        session: sends the requests.
        url: the identity server's token endpoint.
        client_id: the application.
        client_secret: its secret.
        scope: scopes asked for, parted by spaces.
        clock: seconds that only grow; replaced in tests.
    """

    session: HttpSession
    url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str
    clock: Callable[[], float] = time.monotonic
    _token: str = field(default="", init=False, repr=False)
    _good_until: float = field(default=0.0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def current(self) -> str:
        """The token at hand, or a new one when it is about to end."""
        with self._lock:
            if not self._token or self.clock() >= self._good_until:
                self._fetch()
            return self._token

    def renew(self, refused: str) -> bool:
        """Drop a refused token, unless another thread has done so already."""
        with self._lock:
            if self._token == refused:
                self._token = ""
        return True

    def _fetch(self) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "scope": self.scope,
        }
        asked_at = self.clock()
        response = self.session.request(
            "POST",
            self.url,
            headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
            body=urlencode(form).encode(),
            accept_statuses=_REFUSALS,
        )
        if response.status in _REFUSALS:
            raise _refused(response)
        answer = response.json()
        token = answer.get("access_token") if isinstance(answer, dict) else None
        lifetime = answer.get("expires_in") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not isinstance(lifetime, int):
            raise PermanentError(
                f"Getting a token from {safe_url(self.url)}",
                "the answer holds no access_token with its expires_in",
                "Check BILLSYNC_UIPATH_TOKEN_URL: it must be the identity server's token endpoint.",
            )
        self._token, self._good_until = token, asked_at + max(0.0, lifetime - EARLY_SECONDS)


def _refused(response: HttpResponse) -> PermanentError:
    """Only the identity server's own error word is told: its answer may echo what was sent."""
    try:
        answer = response.json()
    except PermanentError:
        answer = None
    word = str(answer.get("error", "no reason given"))[:60] if isinstance(answer, dict) else "no reason given"
    return PermanentError(
        f"Getting a token from {response.url}",
        f"answered {response.status} ({word})",
        "Check BILLSYNC_UIPATH_CLIENT_ID, _CLIENT_SECRET, _SCOPE and _TOKEN_URL, and that the external application "
        "is still registered with these application scopes.",
        status=response.status,
    )
