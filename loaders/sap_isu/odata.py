"""The client of an SAP Gateway service: logon, CSRF token, cookies, expired sessions, ``$batch``.

What belongs here: what every OData V2 service of a Gateway asks of a client.
What stays out: what is read and written (``odata_transport``, ``readback``); retries (``loaders.http``, the only
layer that has any, and none for a modifying request whose outcome is open).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from loaders.errors import PermanentError, TransientError, parse_retry_after
from loaders.http import HttpPolicy, HttpResponse, HttpSession, safe_url
from loaders.sap_isu.batch import (
    BatchFormatError,
    ChangesetReply,
    Part,
    compose_reads,
    compose_writes,
    new_boundary,
    parse_reply,
)
from loaders.sap_isu.odata_formats import FormatError, parse_entity, parse_error, results_of

DEFAULT_PATH = "/sap/opu/odata/sap/ERP_UTILITIES_UMC/"
_FIRST_ERROR, _FORBIDDEN, _NOT_FOUND, _UNAVAILABLE = 400, 403, 404, 503
# How an expired session may show besides a page: not let in any more, or sent to a logon page.
_EXPIRY_STATUSES = frozenset({301, 302, 303, 307, 401})
# What HEAD may be refused with where it is not served; GET then says what is really the matter.
_HEAD_REFUSALS = frozenset({400, 403, 404, 405, 406, 500, 501})
_MOST_PAGES = 1000
_SESSION_ATTEMPTS = 2


class SessionExpiredError(TransientError):
    """SAP gives no lasting session, also after logging on anew; what was asked was not done."""


class SapAnswerError(PermanentError):
    """An answer that is not what the service is said to give."""


@dataclass(frozen=True)
class SapConnection:
    """Where and as whom to log on.

    Attributes:
        url: scheme://host:port.
        path: the service's path.
        policy: time-outs, body limit, certificates.
    """

    url: str
    user: str
    password: str = field(repr=False)
    client: str | None = None
    language: str = "EN"
    path: str = DEFAULT_PATH
    policy: HttpPolicy = field(default_factory=HttpPolicy)

    @property
    def root(self) -> str:
        """The service root; some systems give the token only with the slash at the end."""
        return f"{self.url.rstrip('/')}/{self.path.strip('/')}/"

    @property
    def parameters(self) -> dict[str, str]:
        """What every request carries."""
        return {**({"sap-client": self.client} if self.client else {}), "sap-language": self.language}


class _Session:
    """One logon of one thread: its cookies and its token belong together."""

    def __init__(self, connection: SapConnection) -> None:
        self.http = HttpSession(
            policy=connection.policy,
            headers={"Accept": "application/json", "DataServiceVersion": "2.0"},
            auth=(connection.user, connection.password),
        )
        self.token: str | None = None

    @property
    def expiry_statuses(self) -> frozenset[int]:
        """Statuses that may only say that this session is over, once its user was let in; before, they are final."""
        return _EXPIRY_STATUSES if self.token is not None else frozenset()

    def forget(self) -> None:
        """Start from nothing at the next request."""
        self.http.cookies.clear()
        self.token = None


class ODataClient:
    """A service of an SAP Gateway; safe to use from many threads, each of which has a session of its own."""

    def __init__(self, connection: SapConnection) -> None:
        self.connection = connection
        self._local = threading.local()
        self._sessions: list[_Session] = []
        self._lock = threading.Lock()

    def close(self) -> None:
        """Give back every connection of every thread."""
        with self._lock:
            for session in self._sessions:
                session.http.close()
            self._sessions.clear()
        self._local = threading.local()

    def check(self) -> None:
        """Log on and fetch a token; nothing is changed.

        Raises:
            LoaderError: the system cannot be reached or does not let this user in.
        """
        self._token(self._session())

    def feed(self, path: str) -> list[dict[str, Any]]:
        """Read a whole entity set or navigation, page by page; nothing there (404) is an empty list."""
        rows: list[dict[str, Any]] = []
        url: str | None = self.connection.root + path
        for _ in range(_MOST_PAGES):
            if url is None:
                return rows
            response = self._get(url)
            if response.status == _NOT_FOUND:
                return rows
            url = self._take_page(response.body, rows)
        raise self._bad_answer(f"the feed {path} does not end")

    def read_many(self, paths: Sequence[str]) -> list[list[dict[str, Any]] | Part]:
        """Read many feeds or entities in one ``$batch``.

        Returns:
            For each path its rows (an entity is one row, 404 is none), or the part itself where SAP answered an error.
        """
        boundary = new_boundary("batch")
        body = compose_reads([self._with_parameters(path) for path in paths], boundary)
        response = self._post_batch(body, boundary, is_repeatable=True)
        try:
            parts = self._parts(response)
        except BatchFormatError as error:
            raise self._bad_answer(str(error)) from error
        if len(parts) != len(paths):
            raise self._bad_answer(f"{len(paths)} questions have {len(parts)} answers")
        return [self._rows_of(part) for part in parts]

    def write_many(self, creates: Sequence[tuple[str, str]]) -> list[Part | ChangesetReply]:
        """Send creates in one ``$batch``, each in its own changeset, once.

        Raises:
            PermanentError: SAP turned the whole batch away (status 3xx or 4xx); nothing was done.
            TransientError: ``outcome_unknown`` says whether SAP may have done it.
        """
        boundary = new_boundary("batch")
        creates = [(self._with_parameters(path), body) for path, body in creates]
        response = self._post_batch(compose_writes(creates, boundary), boundary, is_repeatable=False)
        try:
            parts = self._parts(response)
        except BatchFormatError as error:
            raise _unknown(f"{error} (HTTP {response.status})") from error
        if len(parts) != len(creates):
            raise _unknown(f"{len(creates)} changesets have {len(parts)} answers")
        return parts

    def _parts(self, response: HttpResponse) -> list[Part | ChangesetReply]:
        """The parts of a reply; an error's text goes on without our logon, should it echo that."""
        masked = self._session().http.masked

        def told(part: Part) -> Part:
            text = masked(part.body.decode("utf-8", "replace")) if part.status >= _FIRST_ERROR else ""
            return replace(part, body=text.encode()) if text else part

        found = parse_reply(response.headers.get("Content-Type", ""), response.body)
        return [told(one) if isinstance(one, Part) else ChangesetReply(tuple(map(told, one.parts))) for one in found]

    def _session(self) -> _Session:
        session: _Session | None = getattr(self._local, "session", None)
        if session is None:
            session = _Session(self.connection)
            self._local.session = session
            with self._lock:
                self._sessions.append(session)
        return session

    def _get(self, url: str) -> HttpResponse:
        session = self._session()
        for _ in range(_SESSION_ATTEMPTS):
            response = session.http.request(
                "GET",
                url,
                params=self._missing_parameters(url),
                accept_statuses={_NOT_FOUND, *session.expiry_statuses},
            )
            if not _is_page(response) and response.status not in _EXPIRY_STATUSES:
                return response
            session.forget()
        raise self._expired()

    def _post_batch(self, body: bytes, boundary: str, *, is_repeatable: bool) -> HttpResponse:
        """Post a batch; a refused token is fetched again once, an expired session logged on again once."""
        session = self._session()
        for _ in range(_SESSION_ATTEMPTS):
            expiry_statuses = session.expiry_statuses
            headers = {
                "Content-Type": f"multipart/mixed; boundary={boundary}",
                "Accept": "multipart/mixed",
                "x-csrf-token": self._token(session),
            }
            response = session.http.request(
                "POST",
                self.connection.root + "$batch",
                params=self.connection.parameters,
                headers=headers,
                body=body,
                accept_statuses={_FORBIDDEN, *expiry_statuses, *(() if is_repeatable else (_UNAVAILABLE,))},
                is_repeatable=is_repeatable,
            )
            if response.status in _EXPIRY_STATUSES:
                session.forget()
                continue
            if response.status == _UNAVAILABLE:
                pause = parse_retry_after(response.headers.get("Retry-After"))
                raise _unknown("SAP answered 503, which does not tell whether it had begun", pause)
            if response.status == _FORBIDDEN:
                session.forget()
                if not _is_token_refused(response):
                    raise self._forbidden(response)
                continue
            if not _is_page(response):
                return response
            session.forget()
            if not is_repeatable:
                raise _unknown("SAP answered with a web page (an expired session shows its logon so)")
        raise self._expired()

    def _token(self, session: _Session) -> str:
        """The session's CSRF token, fetched with HEAD, or with GET where HEAD is not served."""
        for _ in range(_SESSION_ATTEMPTS):
            for method in ("HEAD", "GET"):
                if session.token is None:
                    session.token = self._fetch_token(session, method)
                if session.token is not None:
                    return session.token
            session.forget()
        raise self._expired()

    def _fetch_token(self, session: _Session, method: str) -> str | None:
        response = session.http.request(
            method,
            self.connection.root,
            params=self.connection.parameters,
            headers={"x-csrf-token": "Fetch"},
            accept_statuses=_HEAD_REFUSALS if method == "HEAD" else (),
        )
        token = response.headers.get("x-csrf-token", "")
        return token if token and token.lower() not in {"fetch", "required"} and not _is_page(response) else None

    def _take_page(self, body: bytes, rows: list[dict[str, Any]]) -> str | None:
        try:
            content = parse_entity(body)
            rows.extend(dict(row) for row in results_of(content))
        except FormatError as error:
            raise self._bad_answer(str(error)) from error
        following = content.get("__next")
        return self._own_url(following) if isinstance(following, str) else None

    def _rows_of(self, part: Part | ChangesetReply) -> list[dict[str, Any]] | Part:
        if isinstance(part, ChangesetReply):
            raise self._bad_answer("a question was answered as a changeset")
        if part.status == _NOT_FOUND:
            return []
        if part.status != 200:  # noqa: PLR2004 - the one good answer to a GET
            return part
        try:
            content = parse_entity(part.body)
        except FormatError as error:
            raise self._bad_answer(str(error)) from error
        if "results" not in content:
            return [dict(content)]
        rows: list[dict[str, Any]] = []
        following = self._take_page(part.body, rows)
        for _ in range(_MOST_PAGES):
            if following is None:
                return rows
            following = self._take_page(self._get(following).body, rows)
        raise self._bad_answer("a feed does not end")

    def _own_url(self, following: str) -> str:
        """The next page, always asked of the configured host: an answer must not send our password elsewhere."""
        parts = urlsplit(following)
        own = urlsplit(self.connection.root)
        path = parts.path if parts.path.startswith("/") else own.path + parts.path
        return f"{own.scheme}://{own.netloc}{path}" + (f"?{parts.query}" if parts.query else "")

    def _with_parameters(self, path: str) -> str:
        words = [f"{name}={value}" for name, value in self.connection.parameters.items()]
        return f"{path}{'&' if '?' in path else '?'}{'&'.join(words)}"

    def _missing_parameters(self, url: str) -> dict[str, str]:
        query = urlsplit(url).query
        return {name: value for name, value in self.connection.parameters.items() if f"{name}=" not in query}

    def _expired(self) -> SessionExpiredError:
        return SessionExpiredError(
            f"Logging on to {safe_url(self.connection.root)}",
            "SAP keeps no session: it shows a web page, gives no token, or refuses the token it gave",
            "Check that the user may log on without a dialog; behind a load balancer check that cookies are kept.",
        )

    def _forbidden(self, response: HttpResponse) -> PermanentError:
        return PermanentError(
            f"Posting to {response.url}",
            f"SAP forbids it ({parse_error(response.body)})",
            "Check the user's authorisation for the service.",
            status=_FORBIDDEN,
        )

    def _bad_answer(self, why: str) -> SapAnswerError:
        return SapAnswerError(
            f"Reading from {safe_url(self.connection.root)}",
            why,
            "Check that the address is that of the service and what stands between it and this machine.",
        )


def _is_token_refused(response: HttpResponse) -> bool:
    """By the header; by the text where something in between has dropped it."""
    return response.headers.get("x-csrf-token", "").lower() == "required" or b"csrf" in response.body[:4096].lower()


def _is_page(response: HttpResponse) -> bool:
    return "text/html" in response.headers.get("Content-Type", "").lower() and response.status < _NOT_FOUND


def _unknown(why: str, retry_after_seconds: float | None = None) -> TransientError:
    return TransientError(
        "Sending readings to SAP",
        why,
        "They are read back before anything is sent again.",
        outcome_unknown=True,
        retry_after_seconds=retry_after_seconds,
    )
