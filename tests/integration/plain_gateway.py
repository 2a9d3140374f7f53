"""Another SAP gateway, beside the sandbox: written from the contract alone, and without any check for duplicates.

SAP's interface has no idempotency key. The sandbox refuses a second reading of one date, which may save a loader that
should have been caught; this one stores whatever it is given, so that a reading sent twice is there twice.
"""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

Row = dict[str, object]


@dataclass
class Manners:
    """How it behaves where the contract leaves room.

    Attributes:
        eol: line end in multipart answers.
        head_status: status of HEAD.
        names_token: whether a refused token is said in a header or only in the text.
        posts_per_token: writes after which a token or session is over; 0 for never.
        over_status: what it answers then: 403 token, 401 session.
        status: of every reading that it stores.
        shows_orders: whether an unread order shows as a reading of nought with status 0.
        refused: devices whose readings it refuses.
        refusal_status: with which status.
        page: rows of one page, 0 for all.
        cut: numbers of the writes after which it cuts the connection instead of answering.
        commit_delay_seconds: how long the first write takes, before it is stored.
    """

    eol: str = "\r\n"
    head_status: int = 200
    names_token: bool = True
    posts_per_token: int = 0
    over_status: int = 403
    status: str | None = "1"
    shows_orders: bool = False
    refused: frozenset[str] = frozenset()
    refusal_status: int = 400
    page: int = 0
    cut: frozenset[int] = frozenset()
    commit_delay_seconds: float = 0.0


@dataclass
class PlainGateway:
    """What it holds, and what it answers."""

    manners: Manners
    url: str = ""
    stored: list[Row] = field(default_factory=list)
    writes: int = 0
    tokens: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def times_stored(self) -> set[int]:
        return set(
            Counter((row["DeviceID"], row["RegisterID"], row["ReadingDateTime"]) for row in self.stored).values()
        )

    def refusal(self, token: str) -> int | None:
        """The status that turns a POST away."""
        if token not in self.tokens:
            return 403
        self.tokens[token] += 1
        if self.manners.posts_per_token and self.tokens[token] > self.manners.posts_per_token:
            del self.tokens[token]
            return self.manners.over_status
        return None

    def read(self, path: str) -> tuple[int, object]:
        parts = urlsplit(path)
        found = re.search(r"Devices\('(\d+)'\)/MeterReadingResults$", unquote(parts.path))
        if found is None:
            return 404, {"error": {"code": "NOT_FOUND", "message": {"value": "no such resource"}}}
        with self.lock:
            rows = [row for row in self.stored if row["DeviceID"] == found[1]]
        if self.manners.shows_orders:
            order = {**rows[0], "MeterReadingResultID": "order", "MeterReadingStatusID": "0"} if rows else {}
            rows = [
                {**order, "RegisterID": row["RegisterID"], "ReadingResult": "0.00000000000000"} for row in rows
            ] + rows
        skipped = re.search(r"skiptoken=(\d+)", parts.query)
        start = int(skipped[1]) if skipped else 0
        end = start + self.manners.page if self.manners.page else len(rows)
        content: dict[str, object] = {"results": rows[start:end]}
        if end < len(rows):
            content["__next"] = f"https://inside.example:44300{parts.path}?$skiptoken={end}"
        return 200, {"d": content}

    def create(self, entity: dict[str, object]) -> tuple[int, object]:
        children = entity.pop("DependentMeterReadingResults", [])
        rows = [entity, *children]  # type: ignore[misc]
        if entity["DeviceID"] in self.manners.refused:
            details = [{"code": "EL/206", "message": "not plausible", "severity": "error"}]
            error = {"code": "/IWBEP/CM_MGW_RT/022", "message": {"value": "x"}, "innererror": {"errordetails": details}}
            return self.manners.refusal_status, {"error": error}
        with self.lock:
            for row in rows:
                number = f"{len(self.stored) + 1:020}"
                value = f"{Decimal(str(row['ReadingResult'])):.14f}"
                shown = {"MeterReadingResultID": number, "MeterReadingStatusID": self.manners.status}
                self.stored.append({**row, **shown, "ReadingResult": value})
            kept = self.stored[-len(rows) :]
        return 201, {"d": {**kept[0], "DependentMeterReadingResults": {"results": kept[1:]}}}

    def batch(self, body: str) -> str | None:
        """The multipart answer; None where the connection is cut."""
        is_write = "\r\nPOST " in body
        with self.lock:
            self.writes += is_write
            number = self.writes
        if is_write and number == 1:
            time.sleep(self.manners.commit_delay_seconds)
        answers = []
        for request in re.findall(r"GET (\S+) HTTP|\r\n\r\n(\{.*?\})\r\n--", body, re.DOTALL):
            path, entity = request
            status, content = self.read(f"/x/{path}") if path else self.create(json.loads(entity))
            part = self._part(status, content)
            answers.append(self._joined([part], "multipart/mixed") if entity and status < 300 else part)
        return None if is_write and number in self.manners.cut else self._joined(answers, "")

    def _part(self, status: int, content: object) -> str:
        eol, date = self.manners.eol, format(datetime.now(UTC), "%a")
        head = f"content-type: application/http{eol}content-transfer-encoding: binary{eol}{eol}"
        return f"{head}HTTP/1.1 {status} X{eol}date: {date}{eol}content-type: application/json{eol}{eol}" + json.dumps(
            content
        )

    def _joined(self, parts: list[str], content_type: str) -> str:
        eol, boundary = self.manners.eol, uuid.uuid4().hex if content_type else "outer"
        head = f"CONTENT-TYPE: {content_type}; boundary={boundary}{eol}{eol}" if content_type else f"preamble{eol}"
        return head + "".join(f"--{boundary}{eol}{part}{eol}" for part in parts) + f"--{boundary}--{eol}"


class _Handler(BaseHTTPRequestHandler):
    gateway: PlainGateway

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        status = self.gateway.manners.head_status if self.command == "HEAD" else 200
        if self.headers.get("x-csrf-token") == "Fetch" and status == 200:
            token = uuid.uuid4().hex
            self.gateway.tokens[token] = 0
            return self.answer(200, b"", "application/json", token=token)
        if self.command == "GET":
            status, content = self.gateway.read(self.path)
            return self.answer(status, json.dumps(content).encode(), "application/json")
        return self.answer(status, b"", "text/plain")

    do_GET = do_HEAD  # noqa: N815 - the standard library's naming

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        refused = self.gateway.refusal(self.headers.get("x-csrf-token", ""))
        if refused:
            token = "Required" if refused == 403 and self.gateway.manners.names_token else None
            why = b"CSRF token validation failed" if refused == 403 else b"logon again"
            return self.answer(refused, why, "text/plain", token=token)
        answer = self.gateway.batch(body)
        if answer is None:
            self.close_connection = True
            return None
        return self.answer(202, answer.encode(), "multipart/mixed; boundary=outer")

    def answer(self, status: int, body: bytes, content_type: str, token: str | None = None) -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        if token:
            self.send_header("X-CSRF-TOKEN", token)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Stay silent."""


@contextmanager
def plain_gateway(manners: Manners) -> Iterator[PlainGateway]:
    """Serve on loopback."""
    gateway = PlainGateway(manners)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"gateway": gateway}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    gateway.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield gateway
    finally:
        server.shutdown()
        server.server_close()
