"""One HTTP session for every client: time-outs, bounded retries, bounded bodies, no secret in a message.

What belongs here: how a request is sent and when it is sent again.
What stays out: what a request means (metering, plan and SAP clients).

Retries live in this layer alone. Dagster and the callers repeat nothing that this session has given up on.
"""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_random_exponential

from loaders import fence
from loaders.errors import PermanentError, TransientError, certificate_failure, classify_response
from loaders.http_deadline import Deadline, DeadlineAdapter

_CHUNK_BYTES = 64 * 1024
_EXCERPT_CHARACTERS = 200


@dataclass(frozen=True)
class HttpPolicy:
    """Limits of a session; every wait and every size has one.

    Attributes:
        connect_timeout_seconds: time to get a connection.
        read_timeout_seconds: longest silence while an answer arrives.
        budget_seconds: longest time one logical request may take, all tries and waits included.
        max_attempts: tries in all.
        max_wait_seconds: longest single wait; a server that asks for more is given up on.
        first_wait_seconds: scale of the growing, random waits.
        max_body_bytes: largest answer read (after decompression).
        ca_bundle: certificates to trust instead of the built-in ones.
        proxy_url: proxy for every request; none by default, also when the environment names one.
        pool_size: connections kept per host.
    """

    connect_timeout_seconds: float = 10.0
    read_timeout_seconds: float = 60.0
    budget_seconds: float = 180.0
    max_attempts: int = 6
    max_wait_seconds: float = 60.0
    first_wait_seconds: float = 0.5
    max_body_bytes: int = 64 * 1024 * 1024
    ca_bundle: Path | None = None
    proxy_url: str | None = None
    pool_size: int = 8


@dataclass(frozen=True)
class HttpResponse:
    """A whole answer.

    Attributes:
        status: HTTP status.
        headers: answer headers, names as requests gives them (case is ignored on look-up).
        body: the bytes, decompressed.
        url: address without query and credentials, fit for messages.
        attempt_count: how many tries it took.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    attempt_count: int = 1

    @property
    def text(self) -> str:
        """The body as text; what is not UTF-8 shows as replacement characters."""
        return self.body.decode("utf-8", errors="replace")

    def json(self) -> Any:
        """Parse the body as JSON with every number exact (integers stay int, fractions become Decimal)."""
        try:
            return json.loads(self.body, parse_float=Decimal)
        except ValueError as error:
            raise PermanentError(
                f"Reading the answer of {self.url}",
                f"it is not JSON ({error}); it begins {self.excerpt()!r}",
                "Check that the address is that of the interface and not of a logon or error page.",
                status=self.status,
            ) from error

    def excerpt(self) -> str:
        """Return the first characters of the body on one line."""
        return " ".join(self.body[: 4 * _EXCERPT_CHARACTERS].decode("utf-8", errors="replace").split())[
            :_EXCERPT_CHARACTERS
        ]


def safe_url(url: str) -> str:
    """Strip credentials, query and fragment from an address: they may carry secrets."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    netloc = f"{host}:{parts.port}" if parts.port else host
    return urlunsplit((parts.scheme, netloc, parts.path, "", ""))


@dataclass(frozen=True)
class _Call:
    """One logical request."""

    method: str
    url: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes | None
    accept_statuses: frozenset[int]
    deadline: float
    is_repeatable: bool

    @property
    def what(self) -> str:
        return f"{self.method} {safe_url(self.url)}"


@dataclass
class HttpSession:
    """Sends requests under an :class:`HttpPolicy`; safe to share between threads.

    Attributes:
        policy: the limits.
        headers: headers of every request; values of ``Authorization`` never reach a message.
        auth: (user, password) for basic authentication.
        sleep: replaced in tests.
    """

    policy: HttpPolicy = field(default_factory=HttpPolicy)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    auth: tuple[str, str] | None = field(default=None, repr=False)
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        session = requests.Session()
        # netrc and proxy variables would silently change who we are and where we go.
        session.trust_env = False
        session.verify = str(self.policy.ca_bundle) if self.policy.ca_bundle else True
        if self.policy.proxy_url:
            session.proxies = {"http": self.policy.proxy_url, "https": self.policy.proxy_url}
        session.headers.update(self.headers)
        session.auth = self.auth
        adapter = DeadlineAdapter(
            pool_connections=self.policy.pool_size, pool_maxsize=self.policy.pool_size, max_retries=0
        )
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        self._session = session

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back all connections."""
        self._session.close()

    @property
    def cookies(self) -> requests.cookies.RequestsCookieJar:
        """The session's cookies (an SAP session lives in them)."""
        return self._session.cookies

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        json_body: object = None,
        accept_statuses: Collection[int] = (),
        is_repeatable: bool = True,
    ) -> HttpResponse:
        """Send a request, again if that can help, and return the whole answer.

        Args:
            method: HTTP method.
            url: full address.
            params: query parameters.
            headers: headers of this request.
            body: raw body.
            json_body: body to send as JSON instead.
            accept_statuses: statuses besides 2xx that the caller wants to see rather than have raised.
            is_repeatable: False for a request that must not take effect twice. It is then repeated only when it
                surely was not processed (no connection, 429); a lost answer raises with ``outcome_unknown``.

        Raises:
            TransientError: still failing when tries or time ran out.
            PermanentError: an answer that no repetition changes.
        """
        all_headers = dict(headers or {})
        if json_body is not None:
            body = json.dumps(json_body).encode()
            all_headers.setdefault("Content-Type", "application/json")
        deadline = time.monotonic() + self.policy.budget_seconds
        call = _Call(
            method, url, dict(params or {}), all_headers, body, frozenset(accept_statuses), deadline, is_repeatable
        )
        attempts = 0

        def attempt() -> HttpResponse:
            nonlocal attempts
            attempts += 1
            return self._once(call, attempts)

        retrying = Retrying(
            retry=retry_if_exception(lambda error: _is_worth_repeating(error, is_repeatable=is_repeatable)),
            wait=self._wait,
            stop=lambda state: self._must_stop(state, deadline),
            sleep=self.sleep,
            reraise=True,
        )
        return retrying(attempt)

    def _wait(self, state: RetryCallState) -> float:
        """Wait what the server asked for, and at least a growing random time."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_seconds if isinstance(error, TransientError) else None
        jittered = wait_random_exponential(multiplier=self.policy.first_wait_seconds, max=self.policy.max_wait_seconds)(
            state
        )
        return max(asked or 0.0, jittered)

    def _must_stop(self, state: RetryCallState, deadline: float) -> bool:
        """Stop when tries are used up or the next wait would not fit the limits."""
        wait = state.upcoming_sleep
        too_long = wait > self.policy.max_wait_seconds or time.monotonic() + wait >= deadline
        return too_long or stop_after_attempt(self.policy.max_attempts)(state)

    def _once(self, call: _Call, attempt_count: int) -> HttpResponse:
        if not call.is_repeatable:
            fence.ask()
        left = max(1.0, call.deadline - time.monotonic())
        timeouts = (min(self.policy.connect_timeout_seconds, left), min(self.policy.read_timeout_seconds, left))
        deadline = Deadline(left)
        try:
            with (
                deadline,
                self._session.request(
                    call.method,
                    call.url,
                    params=call.params,
                    headers=call.headers,
                    data=call.body,
                    timeout=timeouts,
                    stream=True,
                    allow_redirects=False,
                ) as answer,
            ):
                payload = self._read_body(answer, call)
                response = HttpResponse(answer.status_code, answer.headers, payload, safe_url(call.url), attempt_count)
        except requests.exceptions.RequestException as error:
            # Without the cause: its text holds the full address, query included.
            raise (self._too_late(call) if deadline.is_over else _connection_failure(call.what, error)) from None
        if deadline.is_over:
            raise self._too_late(call)
        if response.status in call.accept_statuses:
            return response
        return _checked(call.what, response, self._secrets(call.headers))

    def _secrets(self, headers: Mapping[str, str] | None = None) -> list[str]:
        """What an answer may echo and a message must not: the token and the password."""
        words = [
            word
            for name, value in (*self.headers.items(), *(headers or {}).items())
            if name.lower() == "authorization"
            for word in value.split()[1:]
        ]
        logon = b64encode(":".join(self.auth).encode("latin-1", "replace")).decode() if self.auth else ""
        return [*words, *(self.auth[1:] if self.auth else ()), logon]

    def masked(self, text: str) -> str:
        """Text of an answer without the logon, which a server may echo in what it is told by."""
        return _without(self._secrets(), text)

    def _read_body(self, answer: requests.Response, call: _Call) -> bytes:
        """Read an answer piece by piece, so that neither a huge nor an endless one can hold the run."""
        pieces: list[bytes] = []
        size = 0
        for piece in answer.iter_content(_CHUNK_BYTES):
            size += len(piece)
            if size > self.policy.max_body_bytes:
                raise PermanentError(
                    call.what,
                    f"the answer is larger than {self.policy.max_body_bytes} bytes",
                    "Ask for smaller pages or raise the body limit.",
                    status=answer.status_code,
                )
            if time.monotonic() > call.deadline:
                raise self._too_late(call)
            pieces.append(piece)
        return b"".join(pieces)

    def _too_late(self, call: _Call) -> TransientError:
        why = f"the answer was not complete within {self.policy.budget_seconds:g} s"
        return TransientError(call.what, why, outcome_unknown=True)


def _is_worth_repeating(error: BaseException, *, is_repeatable: bool) -> bool:
    """Repeat transient failures; of a request that must not run twice only those that surely did nothing."""
    return isinstance(error, TransientError) and (is_repeatable or not error.outcome_unknown)


def _connection_failure(what: str, error: requests.exceptions.RequestException) -> TransientError | PermanentError:
    """Turn a failure of requests into a typed one."""
    known = requests.exceptions
    if isinstance(error, known.SSLError):
        return PermanentError(
            what, *certificate_failure(error, "Name the certificate authority's file in the settings")
        )
    if isinstance(error, known.ConnectTimeout):
        return TransientError(what, "no connection within the time allowed")
    if isinstance(error, known.ConnectionError) and any(
        name in repr(error) for name in ("NewConnectionError", "NameResolutionError")
    ):
        return TransientError(what, "no connection: the host is unknown or refuses connections")
    for kind, why in _CUT_OFF.items():
        if isinstance(error, kind):
            return TransientError(what, why, outcome_unknown=True)
    return PermanentError(what, f"the request is not valid ({type(error).__name__})", "Check the configured address.")


_CUT_OFF: dict[type[requests.exceptions.RequestException], str] = {
    requests.exceptions.Timeout: "no answer within the time allowed",
    requests.exceptions.ConnectionError: "the connection was cut",
    requests.exceptions.ChunkedEncodingError: "the answer was cut off",
    requests.exceptions.ContentDecodingError: "the answer was cut off",
}
"""Failures after which the server may have done the work."""


def _checked(what: str, response: HttpResponse, secrets: Collection[str]) -> HttpResponse:
    """Return a good answer, raise the right failure for any other."""
    verdict = classify_response(response.status, response.headers)
    if verdict.outcome == "ok":
        return response
    why = f"answered {response.status}"
    if excerpt := _without(secrets, response.excerpt()):
        why += f" ({excerpt})"
    if verdict.outcome == "transient":
        if verdict.retry_after_seconds is not None:
            why += f" and asked to wait {verdict.retry_after_seconds:.0f} s"
        raise TransientError(
            what,
            why,
            retry_after_seconds=verdict.retry_after_seconds,
            # 429 is refused before any work; a gateway's 502 to 504 may hide a request that was carried out.
            outcome_unknown=response.status in {408, 502, 504},
            status=response.status,
        )
    raise PermanentError(what, why, _remedy_for(response.status), status=response.status)


def _without(secrets: Collection[str], text: str) -> str:
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return text


_REDIRECTS = range(300, 400)
_REMEDIES = {
    401: "Check user, password or token.",
    403: "Check that this user or token has the right to do this.",
    404: "Check the configured base address and the identifier.",
    406: "Check the interface version this system supports.",
}


def _remedy_for(status: int) -> str:
    if status in _REDIRECTS:
        return "The server redirects; configure the address it redirects to."
    return _REMEDIES.get(status, "Ask the owner of that system, with this message.")
