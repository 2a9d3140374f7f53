"""AWS on loopback for tests: moto's server, and a proxy before it that fails on demand."""

from __future__ import annotations

import http.client
import logging
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "ap-southeast-2",
    "AWS_EC2_METADATA_DISABLED": "true",
}
NOT_FORWARDED = frozenset({"content-length", "transfer-encoding", "connection", "date", "server"})

_ERROR = "<Error><Code>CODE</Code><Message>as asked</Message></Error>"
ERRORS = {
    "s3": ("application/xml", _ERROR),
    "query": ("text/xml", f"<ErrorResponse>{_ERROR}</ErrorResponse>"),
    "json": ("application/x-amz-json-1.1", '{"__type": "CODE", "message": "as asked"}'),
}


@dataclass
class Fault:
    """One thing that goes wrong.

    Attributes:
        method: of the request it meets.
        path: pattern found in the request's path and query.
        status: answered instead; 0 forwards the request.
        code: AWS's error code in the answer.
        speaks: the form of the service's errors: S3's XML, the query protocol's, or JSON.
        cut_after: bytes of the forwarded answer's body after which the connection is cut.
        before: called before the request is forwarded.
        times: how often.
    """

    method: str
    path: str
    status: int = 0
    code: str = ""
    speaks: str = "s3"
    cut_after: int | None = None
    damage: bytes = b""
    before: Callable[[], object] | None = None
    times: int = 1


@dataclass
class Proxy:
    """The address that clients use, what is to go wrong, and what they asked."""

    url: str
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def fail(self, method: str, path: str, **how: Any) -> Self:
        self.faults.append(Fault(method, path, **how))
        return self

    def asked(self, method: str, path: str = "") -> list[str]:
        return [line for line in self.requests if line.startswith(method + " ") and re.search(path, line)]

    def take(self, method: str, path: str) -> Fault | None:
        self.requests.append(f"{method} {path}")
        for fault in self.faults:
            if fault.times > 0 and fault.method == method and re.search(fault.path, path):
                fault.times -= 1
                return fault
        return None


@contextmanager
def moto_server() -> Iterator[str]:
    """moto's server in a thread of this process."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


class Forwarder(BaseHTTPRequestHandler):
    """Passes a request on, or fails as the proxy was told."""

    protocol_version = "HTTP/1.1"
    server: Server

    def forward(self) -> None:
        fault = self.server.proxy.take(self.command, self.path) or Fault("", "")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if fault.before:
            fault.before()
        if fault.status:
            kind, form = ERRORS[fault.speaks]
            self.answer(fault.status, [("Content-Type", kind)], form.replace("CODE", fault.code).encode(), fault)
            return
        connection = http.client.HTTPConnection(self.server.target, timeout=30)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        self.answer(answer.status, answer.getheaders(), answer.read(), fault)
        connection.close()

    def answer(self, status: int, headers: list[tuple[str, str]], payload: bytes, fault: Fault) -> None:
        payload = fault.damage + payload[len(fault.damage) :]
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in NOT_FORWARDED:
                self.send_header(name, value)
        said = {name.lower(): value for name, value in headers}.get("content-length", "0")
        self.send_header("Content-Length", said if self.command == "HEAD" else str(len(payload)))
        self.end_headers()
        if self.command != "HEAD":
            # A client may leave before it has everything.
            with suppress(ConnectionError):
                self.wfile.write(payload[: fault.cut_after])
        if fault.cut_after is not None:
            self.wfile.flush()
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = forward  # noqa: N815 - the names that the base class calls

    def log_message(self, *_: object) -> None:
        """Keep the test output quiet."""


class Server(ThreadingHTTPServer):
    """The proxy's server."""

    daemon_threads = True

    def __init__(self, target: str, context: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), Forwarder)
        self.target = target.removeprefix("http://")
        if context:
            # The handshake belongs to the connection's own thread, or one bad client would stop the server.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.proxy = Proxy(f"{'https' if context else 'http'}://127.0.0.1:{self.server_port}")

    def handle_error(self, *_: object) -> None:
        """Clients leave as they like."""


@contextmanager
def proxied(target: str, context: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """A proxy that forwards everything but what is to fail; encrypted with a context."""
    server = Server(target, context)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
