"""An SAP, or something in its place, that answers nonsense: a clear word, in bounded memory and time, nothing lost."""

from __future__ import annotations

import base64
import gzip
import json
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from loaders.sap_isu.ledger import Ledger
from loaders.sap_isu.odata import ODataClient, SapConnection
from loaders.sap_isu.odata_transport import ODataTransport
from loaders.sap_isu.readings import ReadingId, SentReading
from orchestration.sap_http import MOST_BODY_BYTES
from tests.integration.sap_load_process import BILLING_DAY, HTTP, load, open_ledger, rows

MIB = 1024 * 1024
Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path}/operations.db")


@contextmanager
def sap_that_answers(answer: Answer) -> Iterator[str]:
    """Gives a token to whoever asks, and ``answer`` to every batch."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("x-csrf-token", "token")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                answer(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *args: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def body(content: bytes, content_type: str = "multipart/mixed; boundary=b", **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(202)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def part(content: bytes, status: int = 201) -> bytes:
    head = b"Content-Type: application/http\r\n\r\nHTTP/1.1 %d X\r\nContent-Type: application/json\r\n\r\n" % status
    return b"--b\r\n" + head + content + b"\r\n--b--\r\n"


def of_200_mb(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(202)
    handler.send_header("Content-Type", "multipart/mixed; boundary=b")
    handler.send_header("Content-Length", str(200 * MIB))
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b"x" * MIB)


def dripping(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(202)
    handler.send_header("Content-Type", "multipart/mixed; boundary=b")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for _ in range(600):
        handler.wfile.write(b"1\r\nx\r\n")
        handler.wfile.flush()
        time.sleep(0.1)


HOSTILE: dict[str, Answer] = {
    "200 MB": of_200_mb,
    "200 MB compressed": body(gzip.compress(b"x" * 200 * MIB, 1), Content_Encoding="gzip"),
    "an answer that drips": dripping,
    "no multipart": body(b"{}", "application/json"),
    "a page": body(b"<html><body>proxy</body></html>", "text/html"),
    "no end": body(b"--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 201 Created\r\n\r\n{}"),
    "a million parts": body(b"--b\r\n\r\n" * 1_000_000 + b"--b--"),
    "delimiters in one line": body(b"x--b" * 3_000_000),
    "changesets in changesets": body(b"--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" * 50_000 + b"--b--"),
    "deep nesting": body(part(b'{"d":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}")),
    "a number without end": body(part(b'{"d":{"DeviceID":' + b"9" * 1_000_000 + b"}}")),
    "wrong types": body(part(json.dumps({"d": {"DeviceID": {"a": []}, "DependentMeterReadingResults": 7}}).encode())),
    "a list": body(part(b"[1, 2, 3]")),
    "binary": body(part(bytes(range(256)) * 1000)),
    "a status that is none": body(b"--b\r\n\r\nHTTP/9.9 abc\r\n\r\n\r\n--b--"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_load_hostile_answer_is_an_unknown_outcome_told_in_words(ledger: Ledger, name: str) -> None:
    policy = replace(HTTP, budget_seconds=3.0, max_body_bytes=MOST_BODY_BYTES)
    with sap_that_answers(HOSTILE[name]) as url:
        transport = ODataTransport(ODataClient(SapConnection(url, "user", "passw0rd", policy=policy)))
        tracemalloc.start()
        started = time.monotonic()
        result = load(ledger, transport, list(rows(1)))
        seconds = time.monotonic() - started
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        transport.close()
    assert not result.is_complete
    assert set(result.states) <= {"UNKNOWN", "SENT"}
    assert result.problems
    assert "passw0rd" not in str(result.problems)
    assert all(row["message"] and len(str(row["message"])) <= 1000 for row in ledger.snapshot())
    assert seconds < 60
    # The largest answer that is read at all is held a few times over while it is taken apart.
    assert peak < 12 * MOST_BODY_BYTES


def test_logon_that_an_answer_echoes_is_in_no_message(ledger: Ledger) -> None:
    logon = base64.b64encode(b"user:passw0rd").decode()
    reading = SentReading(ReadingId("1", "001", BILLING_DAY, "01"), "01", Decimal(1), None)
    error = {"error": {"code": "EL/206", "message": {"value": f"refused for Basic {logon} passw0rd"}}}
    with sap_that_answers(body(part(json.dumps(error).encode(), 500))) as url:
        transport = ODataTransport(ODataClient(SapConnection(url, "user", "passw0rd", policy=HTTP)))
        outcomes = transport.send([(reading,)])
        transport.close()
    assert "EL/206" in outcomes[0].message
    assert not any(word in outcomes[0].message for word in (logon, "passw0rd"))
