"""Logon, sessions and the CSRF token of the pretend gateway."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import threading
from collections import OrderedDict
from http.cookies import CookieError, SimpleCookie

SYSTEM_ID = "SBX"
_MOST_SESSIONS = 5_000


class Sessions:
    """The open sessions: each has one CSRF token, bound to its cookies."""

    def __init__(self, user: str, password: str, client: str) -> None:
        self._user = user
        self._password = password
        self.client = client
        self._tokens: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def session_cookie(self) -> str:
        """Name of the session cookie."""
        return f"SAP_SESSIONID_{SYSTEM_ID}_{self.client}"

    @property
    def xsrf_cookie(self) -> str:
        """Name of the cookie that the token is checked against."""
        return f"sap-XSRF_{SYSTEM_ID}_{self.client}"

    def knows(self, authorization: str | None, client: str | None) -> bool:
        """Check Basic credentials and the SAP client."""
        if client is not None and client != self.client:
            return False
        scheme, _, encoded = (authorization or "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        right_user = hmac.compare_digest(user.upper().encode(), self._user.upper().encode())
        return hmac.compare_digest(password.encode(), self._password.encode()) and right_user

    def fetch(self, cookie_header: str | None) -> tuple[str, list[tuple[str, str]]]:
        """Give the token of the request's session, opening one when there is none, and the cookies to set."""
        cookies = _cookies(cookie_header)
        session = cookies.get(self.session_cookie, "")
        with self._lock:
            token = self._tokens.get(session)
            if token is not None and cookies.get(self.xsrf_cookie) == token:
                return token, []
            session, token = secrets.token_urlsafe(24), secrets.token_urlsafe(18)
            self._tokens[session] = token
            while len(self._tokens) > _MOST_SESSIONS:
                self._tokens.popitem(last=False)
        return token, [
            ("Set-Cookie", f"{self.session_cookie}={session}; path=/; HttpOnly"),
            ("Set-Cookie", f"{self.xsrf_cookie}={token}; path=/; HttpOnly"),
            ("Set-Cookie", f"sap-usercontext=sap-client={self.client}; path=/"),
        ]

    def allows(self, cookie_header: str | None, token: str | None) -> bool:
        """Check that a modifying request brings its session's token and both cookies."""
        cookies = _cookies(cookie_header)
        with self._lock:
            known = self._tokens.get(cookies.get(self.session_cookie, ""))
        if known is None or token is None:
            return False
        return hmac.compare_digest(known, token) and hmac.compare_digest(known, cookies.get(self.xsrf_cookie, ""))

    def drop(self, cookie_header: str | None) -> None:
        """End the session of a request, as a time-out would."""
        with self._lock:
            self._tokens.pop(_cookies(cookie_header).get(self.session_cookie, ""), None)

    def drop_all(self) -> None:
        """End every session, as a restart of the application server would."""
        with self._lock:
            self._tokens.clear()


def _cookies(header: str | None) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(header or "").items()}
    except CookieError:
        return {}
