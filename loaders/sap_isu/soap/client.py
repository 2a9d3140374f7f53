"""Posting messages to SAP's asynchronous services: once, and the answer only says that SAP has the message.

What belongs here: addresses, headers and what the HTTP answer tells.
What stays out: what is in the messages (``messages``), retries (``loaders.http``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote

from lxml import etree

from loaders.errors import PermanentError, TransientError, parse_retry_after
from loaders.http import HttpPolicy, HttpResponse, HttpSession, safe_url
from loaders.sap_isu.soap.envelope import CONTENT_TYPE, SOAP_ACTION, fault_of, local_name, write_message

DEFAULT_PATH = "/sap/bc/srt/xip/sap/{interface}"
ANSWER_BYTES = 1024 * 1024
"""A good answer is empty: more than this is none."""
_FAULT_STATUS, _UNAVAILABLE = 500, 503


@dataclass(frozen=True)
class SoapConnection:
    """Where and as whom to post.

    Attributes:
        url: scheme://host:port.
        path: path and query; ``{interface}`` stands for the message's name, ``{message_id}`` for its UUID.
        sender: our name as a business system, may be empty.
        policy: time-outs and certificates.
    """

    url: str
    user: str
    password: str = field(repr=False)
    client: str | None = None
    path: str = DEFAULT_PATH
    sender: str = ""
    policy: HttpPolicy = field(default_factory=lambda: HttpPolicy(max_body_bytes=ANSWER_BYTES))

    def address(self, interface: str, message_id: str) -> str:
        """The full address of one message."""
        path = self.path.replace("{interface}", quote(interface)).replace("{message_id}", quote(message_id))
        return f"{self.url.rstrip('/')}/{path.lstrip('/')}"


class SoapClient:
    """Posts messages; safe to use from many threads.

    A message keeps its UUID as ``MessageId`` however often it is sent, by which SAP's integration knows it again.
    """

    def __init__(self, connection: SoapConnection) -> None:
        self.connection = connection
        self._http = HttpSession(policy=connection.policy, auth=(connection.user, connection.password))

    def close(self) -> None:
        """Give back every connection."""
        self._http.close()

    def post(self, message: etree._Element, message_id: str) -> None:
        """Validate a message and post it, once; returns when SAP has taken it over.

        Raises:
            XmlError: the message does not fit the schema; nothing was sent.
            TransientError: ``outcome_unknown`` says whether SAP may have it.
            PermanentError: SAP turned it away.
        """
        interface = local_name(message)
        body = write_message(message)
        parameters = {"MessageId": message_id} if "{message_id}" not in self.connection.path else {}
        if self.connection.client:
            parameters["sap-client"] = self.connection.client
        url = self.connection.address(interface, message_id)
        response = self._http.request(
            "POST",
            url,
            params=parameters,
            headers={"Content-Type": CONTENT_TYPE, "SOAPAction": f'"{SOAP_ACTION}"'},
            body=body,
            accept_statuses={_FAULT_STATUS, _UNAVAILABLE},
            is_repeatable=False,
        )
        _refuse_doubtful(response, f"POST {safe_url(url)}", self._http.masked)


def is_surely_undone(error: PermanentError) -> bool:
    """Whether a request that failed for good cannot have had an effect: never sent, redirected or refused."""
    return error.status is None or 300 <= error.status < 500  # noqa: PLR2004 - redirects and refusals of HTTP


def _refuse_doubtful(response: HttpResponse, what: str, masked: Callable[[str], str]) -> None:
    """A good answer is empty, or an empty envelope; anything else leaves open what became of the message."""
    pause = parse_retry_after(response.headers.get("Retry-After"))
    if response.status == _UNAVAILABLE:
        raise _unknown(what, "SAP answered 503, which does not tell whether it has the message", pause)
    if "text/html" in response.headers.get("Content-Type", "").lower():
        raise _unknown(what, "SAP answered with a web page (a logon or error page)")
    fault = fault_of(response.body) if response.body else None
    if fault or response.status == _FAULT_STATUS:
        raise _unknown(what, f"SAP answered with a fault: {masked(fault or response.excerpt())}")


def _unknown(what: str, why: str, retry_after_seconds: float | None = None) -> TransientError:
    return TransientError(
        what,
        why,
        "It is found out from SAP's confirmation or by reading back before anything is sent again.",
        outcome_unknown=True,
        retry_after_seconds=retry_after_seconds,
    )
