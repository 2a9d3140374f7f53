"""The sandbox's tiny web layer: requests and responses as plain values, a router, one server loop.

What belongs here: turning bytes on a loopback socket into ``Request`` values and ``Response`` values into
bytes, and applying the faults somebody asked for around every handler. What stays out: what any of the
pretend systems answers (``metering_api``, ``plans_api``, ``sap``) and where faults come from (``faults``).

A handler is any callable ``handle(request) -> Response``. It commits its own state before it returns, so a
connection "cut after the commit" is a handler that ran and an answer that was never sent.
"""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from sandbox.faults import LEFT_TO_HANDLERS, Fault, FaultStore

MAX_BODY_BYTES = 64 * 1024 * 1024
LOGON_PAGE = (
    b"<!DOCTYPE html><html><head><title>Logon</title></head><body>"
    b'<form id="loginForm" method="post"><input name="sap-user"><input name="sap-password" type="password">'
    b"</form></body></html>"
)


class Headers(Mapping[str, str]):
    """Header names are case-insensitive; the last of several equal names wins."""

    def __init__(self, items: Mapping[str, str] | None = None) -> None:
        self._items = {name.lower(): (name, value) for name, value in (items or {}).items()}

    def __getitem__(self, name: str) -> str:
        return self._items[name.lower()][1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._items.values())

    def __len__(self) -> int:
        return len(self._items)


@dataclass(frozen=True)
class Request:
    """One HTTP request.

    Attributes:
        method: upper-case verb.
        path: decoded path without the query.
        query: decoded parameters; the last of several equal names wins.
        headers: case-insensitive.
        body: the whole body.
        raw_query: the query as sent, for ``links.self`` and the like.
        base_url: scheme, host and port the client used, for absolute links.
        faults: faults a handler has to act out itself (``expired-session``, ``cut-midway``).
        path_parameters: what the router cut out of the path.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""
    raw_query: str = ""
    base_url: str = ""
    faults: tuple[str, ...] = ()
    path_parameters: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> object:
        """Parse the body as JSON with exact decimals."""
        return json.loads(self.body, parse_float=Decimal)


@dataclass(frozen=True)
class Response:
    """One HTTP response; ``headers`` is a list of pairs because cookies repeat."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True)
class RawJson:
    """A part of a payload that is JSON text already."""

    text: str


def json_response(payload: object, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """Build a JSON answer; decimals are written with all their digits, never through a float."""
    return Response(status, (("Content-Type", "application/json"), *headers), dump_json(payload).encode())


def dump_json(value: object) -> str:
    """Write JSON text, with ``Decimal`` as an exact plain number."""
    if isinstance(value, RawJson):
        return value.text
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(k))}:{dump_json(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(dump_json(item) for item in value) + "]"
    return json.dumps(value)


Handler = Callable[[Request], Response]


class Router:
    """Maps method and path to handlers: exact patterns first, then the longest mounted prefix."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], Handler]] = []
        self._mounts: dict[str, Handler] = {}

    def add(self, method: str, pattern: str, handler: Handler) -> None:
        """Register a handler for ``/a/{name}/b``; a name matches one path segment."""
        expression = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(pattern))
        self._routes.append((method, re.compile(expression), handler))

    def mount(self, prefix: str, handler: Handler) -> None:
        """Give every path under a prefix to one handler, any method."""
        self._mounts[prefix.rstrip("/")] = handler

    def handle(self, request: Request) -> Response:
        """Answer a request: 404 for an unknown path, 405 for a known path with another verb."""
        path_known = False
        for method, expression, handler in self._routes:
            match = expression.fullmatch(request.path)
            if match and method == request.method:
                return handler(_with_parameters(request, match.groupdict()))
            path_known = path_known or match is not None
        if path_known:
            return json_response({"error": f"{request.method} is not possible on {request.path}"}, 405)
        for prefix in sorted(self._mounts, key=len, reverse=True):
            if request.path == prefix or request.path.startswith(prefix + "/"):
                return self._mounts[prefix](request)
        return json_response({"error": f"nothing is served at {request.path}"}, 404)


def _with_parameters(request: Request, parameters: Mapping[str, str]) -> Request:
    return Request(**{**request.__dict__, "path_parameters": parameters})


class ConnectionCut(Exception):  # noqa: N818  a signal, not an error
    """The connection is to be cut without an answer."""


class ConnectionAborted(ConnectionCut):
    """The connection is to be reset, so that the client sees ECONNRESET rather than an end."""


class FaultMiddleware:
    """Runs a handler under the faults asked for by header or command; the same for every server."""

    def __init__(self, handler: Handler, store: FaultStore, sleep: Callable[[float], None] = time.sleep) -> None:
        self._handler = handler
        self._store = store
        self._sleep = sleep

    def handle(self, request: Request) -> Response:
        """Apply faults before the handler (nothing is committed) or after it (everything is).

        Raises:
            ConnectionCut: when the connection has to be dropped instead of answered.
        """
        faults = self._store.for_request(request.path, request.headers.get("X-Sandbox-Fault"))
        for fault in faults:
            answer = self._before(fault)
            if answer is not None:
                return answer
        own = tuple(fault.kind for fault in faults if fault.kind in LEFT_TO_HANDLERS)
        answer = self._handler(Request(**{**request.__dict__, "faults": own}))
        kinds = {fault.kind for fault in faults}
        if "reset-after" in kinds:
            raise ConnectionAborted
        if "cut-after" in kinds:
            raise ConnectionCut
        return answer

    def _before(self, fault: Fault) -> Response | None:
        """Act out one fault ahead of the handler; ``None`` lets the request go on."""
        if fault.kind == "delay":
            self._sleep(float(fault.seconds))
        if fault.kind == "reset-before":
            raise ConnectionAborted
        if fault.kind == "cut-before":
            raise ConnectionCut
        if fault.kind == "html":
            return Response(200, (("Content-Type", "text/html; charset=utf-8"),), LOGON_PAGE)
        if fault.kind in {"429", "503"}:
            headers = (("Retry-After", str(fault.retry_after)),) if fault.retry_after is not None else ()
            return json_response(
                {"errors": [{"code": fault.kind, "title": "fault on demand"}]}, int(fault.kind), headers
            )
        return None


class SandboxServer(ThreadingHTTPServer):
    """One process, one port, a thread per connection."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, host: str, port: int, middleware: FaultMiddleware) -> None:
        super().__init__((host, port), _SocketHandler)
        self.middleware = middleware
        self.request_log: deque[dict[str, object]] = deque(maxlen=2000)

    def server_bind(self) -> None:
        """Bind without the standard library's look-up of the host's full name, which can wait for a name server."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    @property
    def url(self) -> str:
        """Where the server listens."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def start(self) -> threading.Thread:
        """Serve from a background thread (tests); the process itself calls ``serve_forever``."""
        thread = threading.Thread(target=self.serve_forever, name="sandbox", daemon=True)
        thread.start()
        return thread


class _SocketHandler(BaseHTTPRequestHandler):
    """Bytes to values and back; keep-alive, bounded bodies, no log on stderr."""

    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = 120
    server: SandboxServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay silent: requests are kept in ``request_log``."""

    def _answer(self) -> None:
        body = self._read_body()
        if body is None:
            return
        parts = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=unquote(parts.path),
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers=Headers(dict(self.headers.items())),
            body=body,
            raw_query=parts.query,
            base_url=f"http://{self.headers.get('Host', '')}",
        )
        try:
            response = self.server.middleware.handle(request)
        except ConnectionCut as cut:
            self._note(request, "cut")
            self._cut(is_reset=isinstance(cut, ConnectionAborted))
            return
        except Exception as error:  # noqa: BLE001  a broken handler must answer, not hang its client
            response = json_response({"error": f"{type(error).__name__}: {error}"}, 500)
        self._note(request, response.status)
        self._write(response)

    def _note(self, request: Request, status: object) -> None:
        if not request.path.startswith("/control"):
            self.server.request_log.append({"method": request.method, "path": request.path, "status": status})

    def _read_body(self) -> bytes | None:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._read_chunks()
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY_BYTES:
            self.close_connection = True
            self._write(json_response({"error": "body too large"}, 413))
            return None
        return self.rfile.read(length)

    def _read_chunks(self) -> bytes:
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _write(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in response.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)
        self.wfile.flush()

    def _cut(self, *, is_reset: bool) -> None:
        """Drop the connection the hard way, so that the client sees an end without an answer, or a reset."""
        self.close_connection = True
        if not is_reset:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        # Closing with no time to linger makes the kernel send RST.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _answer  # noqa: N815
