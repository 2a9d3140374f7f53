"""Our own endpoint for what SAP sends by SOAP: confirmations and meter reading orders.

What belongs here: a small HTTP server that bounds what strangers send, stores what is a message and only then says so.
What stays out: what the messages mean (``messages``), where they are kept (``inbox``, ``orders``).

SAP sends again what was not answered with success, so an error here loses nothing.
"""

from __future__ import annotations

import base64
import binascii
import errno
import hmac
import logging
import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from xml.sax.saxutils import escape

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from loaders.errors import LoaderError, PermanentError
from loaders.sap_isu.soap.envelope import MAX_XML_BYTES, XmlError, local_name, parse_message
from loaders.sap_isu.soap.inbox import Inbox
from loaders.sap_isu.soap.messages import (
    CANCELLATIONS,
    CONFIRMATIONS,
    ORDERS,
    own_reference,
    read_confirmations,
    read_orders,
)
from loaders.sap_isu.soap.orders import OrderBook

log = logging.getLogger(__name__)
_IDENTITY = "billsync-sap-receiver"
_SILENCE_SECONDS = 30.0
_BODIES_AT_ONCE = 4
_CONNECTIONS_AT_ONCE = 64
_CHUNK_LINE_BYTES = 1024
_MOST_TRAILERS = 100
_HEXADECIMAL = re.compile(rb"[0-9a-fA-F]{1,8}")
_PIECE_BYTES = 64 * 1024
_EMPTY_ENVELOPE = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body/></soap:Envelope>'
)


class _TooLargeError(Exception):
    """A body is larger than it may be; it was not read to its end."""


class ReceiverError(PermanentError):
    """The endpoint cannot listen where it is configured to."""


def take_message(engine: Engine, body: bytes) -> str:
    """Store what SAP sent and say what it was.

    Raises:
        XmlError: it is no message that is known here; nothing was stored.
    """
    root = parse_message(body, what="Receiving a message from SAP")
    name = local_name(root)
    if name in CONFIRMATIONS:
        Inbox(engine).store(read_confirmations(root))
    elif name in {ORDERS, CANCELLATIONS}:
        OrderBook(engine).take(name, own_reference(root), read_orders(root))
    else:
        raise XmlError("Receiving a message from SAP", f"{name[:80]} is not expected here", "Check SAP's routing.")
    return name


class Receiver:
    """The endpoint, serving from threads of its own until it is closed.

    Args:
        engine: where messages are stored.
        host: the address to listen on.
        port: the port, 0 for any free one.
        credentials: tells (user, password) that SAP has to give now; None lets everybody in who can connect.
        max_body_bytes: larger bodies are refused unread.
        silence_seconds: how long headers, and then a body, may take to come.
        on_message: called with each message's name after it was stored.

    Raises:
        ReceiverError: the address cannot be listened on.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        host: str,
        port: int,
        credentials: Callable[[], tuple[str, str]] | None = None,
        max_body_bytes: int = MAX_XML_BYTES,
        silence_seconds: float = _SILENCE_SECONDS,
        on_message: Callable[[str], None] | None = None,
    ) -> None:
        def take(body: bytes) -> str:
            name = take_message(engine, body)
            if on_message:
                on_message(name)
            return name

        try:
            self._server = _Server((host, port), take, credentials, max_body_bytes, silence_seconds)
        except OSError as error:
            why = "the port is taken" if error.errno == errno.EADDRINUSE else (error.strerror or str(error))
            raise ReceiverError(
                f"Listening for SAP's confirmations on {host}:{port}",
                why,
                "Set BILLSYNC_SAP_CONFIRMATIONS_LISTEN to a free host:port, the one that SAP is configured to call.",
            ) from None
        self.port = int(self._server.server_address[1])
        self.url = f"http://{host}:{self.port}/"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; what is being stored is finished first."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=_SILENCE_SECONDS)


def is_receiver_at(host: str, port: int) -> bool:
    """Whether another process of ours listens there already, such as ``billsync sap-confirmations``."""
    connection = HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().getheader("Server", "").startswith(_IDENTITY)
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(
        self,
        address: tuple[str, int],
        take: Callable[[bytes], str],
        credentials: Callable[[], tuple[str, str]] | None,
        max_body_bytes: int,
        silence_seconds: float,
    ) -> None:
        self.silence_seconds = silence_seconds
        self.take = take
        self.credentials = credentials
        self.max_body_bytes = max_body_bytes
        # A body and its tree live in memory only while one of these is held.
        self.bodies = threading.BoundedSemaphore(_BODIES_AT_ONCE)
        self._connections = threading.BoundedSemaphore(_CONNECTIONS_AT_ONCE)
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread of its own; more than a bounded number are turned away, to come again."""
        if self._connections.acquire(timeout=1.0):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve it, and make room for the next."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.release()

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """A connection that broke is the sender's to repeat; no trace of it on the terminal."""
        log.warning("a connection of SAP's broke off")

    def server_bind(self) -> None:
        """Bind without looking up the host's full name, which can wait for a name server."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])


class _Handler(BaseHTTPRequestHandler):
    """One request: logon, bounds, store, answer."""

    protocol_version = "HTTP/1.1"
    server_version = _IDENTITY
    sys_version = ""
    timeout = _SILENCE_SECONDS
    server: _Server

    def setup(self) -> None:
        """Give headers so long as a whole, since a socket's time-out starts anew with every byte."""
        super().setup()
        self._read_within()

    def _read_within(self) -> None:
        """Give what is to be read next so long as a whole."""
        self._reading = threading.Timer(self.server.silence_seconds, self._stop_reading)
        self._reading.daemon = True
        self._reading.start()

    def finish(self) -> None:
        """Nothing is waited for any more."""
        self._reading.cancel()
        super().finish()

    def _stop_reading(self) -> None:
        """What has come so far was all; an answer can still leave."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RD)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Leave the request line out of the log: it is a stranger's text."""

    def do_GET(self) -> None:
        """Say who listens here."""
        self._answer(200, b"billsync receives SAP's confirmations and orders here\n", "text/plain; charset=utf-8")

    def do_POST(self) -> None:
        """Take one message."""
        self._reading.cancel()
        if not _is_allowed(self.server.credentials, self.headers.get("Authorization")):
            self.close_connection = True
            self._answer(401, b"", "text/plain", ("WWW-Authenticate", 'Basic realm="billsync"'))
            return
        length = _length(self.headers.get("Content-Length"))
        is_chunked = self.headers.get("Transfer-Encoding", "").strip().lower() == "chunked"
        if length is None and not is_chunked:
            self._fault(411, "Content-Length is missing")
        elif not is_chunked and (length or 0) > self.server.max_body_bytes:
            self._refuse_size()
        else:
            with self.server.bodies:
                self._take(None if is_chunked else length)

    def _refuse_size(self) -> None:
        self._fault(413, f"a body may have {self.server.max_body_bytes} bytes")

    def _take(self, length: int | None) -> None:
        self._read_within()
        try:
            body = self._read_chunks() if length is None else self._read(length)
        except _TooLargeError:
            self._refuse_size()
            return
        finally:
            self._reading.cancel()
        if body is None:
            self.close_connection = True
            return
        try:
            self.server.take(body)
        except XmlError as error:
            log.warning("a message from SAP was refused: %s", error)
            self._fault(400, error.why)
        except SQLAlchemyError:
            log.exception("a message from SAP could not be stored")
            self._fault(503, "it could not be stored; send it again")
        else:
            self._answer(200, _EMPTY_ENVELOPE, "text/xml; charset=utf-8")

    def _read(self, length: int) -> bytes | None:
        """So much of the body; None when the sender stops, or is so slow that others would wait for it."""
        pieces: list[bytes] = []
        while length:
            try:
                piece = self.rfile.read(min(length, _PIECE_BYTES))
            except OSError:
                return None
            if not piece:
                return None
            pieces.append(piece)
            length -= len(piece)
        return b"".join(pieces)

    def _read_chunks(self) -> bytes | None:
        """A body that comes in chunks; None when it does not come to its end.

        Raises:
            _TooLargeError: it is larger than a body may be.
        """
        body = bytearray()
        while size := self._chunk_size():
            if len(body) + size > self.server.max_body_bytes:
                raise _TooLargeError
            piece = self._read(size)
            if piece is None or self._line():
                return None
            body += piece
        if size is None:
            return None
        for _ in range(_MOST_TRAILERS):
            if not self._line():
                break
        return bytes(body)

    def _chunk_size(self) -> int | None:
        """The size of the next chunk, nought after the last; None when the line says none."""
        digits = self._line().partition(b";")[0].strip()
        return int(digits, 16) if _HEXADECIMAL.fullmatch(digits) else None

    def _line(self) -> bytes:
        try:
            return self.rfile.readline(_CHUNK_LINE_BYTES).strip()
        except OSError:
            return b""

    def _fault(self, status: int, why: str) -> None:
        text = escape("".join(c if c.isprintable() else "?" for c in why[:300]))
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault>'
            f"<faultcode>soap:Client</faultcode><faultstring>{text}</faultstring>"
            "</soap:Fault></soap:Body></soap:Envelope>"
        )
        self._answer(status, body.encode(), "text/xml; charset=utf-8")

    def _answer(self, status: int, body: bytes, content_type: str, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        # One message per connection: an idle sender must not keep the endpoint from ending.
        self.send_header("Connection", "close")
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        self.wfile.write(body)


def _is_allowed(credentials: Callable[[], tuple[str, str]] | None, authorization: str | None) -> bool:
    if credentials is None:
        return True
    scheme, _, given = (authorization or "").partition(" ")
    try:
        shown = base64.b64decode(given, validate=True) if scheme.lower() == "basic" else b""
        expected = ":".join(credentials())
    except (binascii.Error, ValueError):
        return False
    except LoaderError as error:
        log.warning("nobody is let in, since the password cannot be had: %s", error)
        return False
    return hmac.compare_digest(shown, expected.encode())


def _length(header: str | None) -> int | None:
    return int(header) if header is not None and header.isascii() and header.isdigit() else None
