"""The HTTP session against real servers on loopback."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from loaders.errors import LoaderError, PermanentError, TransientError, classify_response, parse_retry_after
from loaders.http import HttpPolicy, HttpSession
from tests.certificates import make_certificates

Answer = Callable[[BaseHTTPRequestHandler, int], None]
FAST = HttpPolicy(first_wait_seconds=0.001, read_timeout_seconds=1.0, budget_seconds=20.0)


@contextmanager
def serving(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[tuple[str, list[str]]]:
    """Serve, encrypted when a context is given; yields the base address and the request lines received."""
    received: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            received.append(self.requestline)
            answer(self, len(received))

        do_POST = do_GET  # noqa: N815 - the standard library's naming

        def log_message(self, *args: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{server.server_port}", received
    finally:
        server.shutdown()
        server.server_close()


def reply(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"{}", **headers: str) -> None:
    handler.send_response(status)
    for name, text in headers.items():
        handler.send_header(name.replace("_", "-"), text)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def recorder() -> tuple[list[float], Callable[[float], None]]:
    waits: list[float] = []
    return waits, waits.append


@pytest.mark.parametrize("status", [429, 502, 503, 504, 408])
def test_request_refused_for_now_is_repeated_until_it_succeeds(status: int) -> None:
    with serving(lambda h, n: reply(h, status if n < 3 else 200, b'{"a": 0.10}')) as (base, received):
        answer = HttpSession(FAST).request("GET", base)
    assert (answer.status, answer.attempt_count, len(received)) == (200, 3, 3)
    assert str(answer.json()["a"]) == "0.10"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 500, 501, 302])
def test_request_refused_for_good_is_not_repeated(status: int) -> None:
    with (
        serving(lambda h, n: reply(h, status, b"because", Location="/logon")) as (base, received),
        pytest.raises(PermanentError, match=str(status)) as caught,
    ):
        HttpSession(FAST).request("GET", base)
    assert len(received) == 1
    assert caught.value.status == status


def test_request_that_keeps_failing_gives_up_after_the_tries_allowed() -> None:
    policy = HttpPolicy(first_wait_seconds=0.001, max_attempts=4)
    with serving(lambda h, n: reply(h, 503)) as (base, received), pytest.raises(TransientError, match="503"):
        HttpSession(policy).request("GET", base)
    assert len(received) == 4


def test_retry_after_seconds_are_waited_at_least() -> None:
    waits, sleep = recorder()
    with serving(lambda h, n: reply(h, 429 if n == 1 else 200, Retry_After="7")) as (base, _):
        HttpSession(FAST, sleep=sleep).request("GET", base)
    assert len(waits) == 1
    assert 7 <= waits[0] < 8


def test_retry_after_date_is_waited_at_least() -> None:
    waits, sleep = recorder()
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=9), usegmt=True)
    with serving(lambda h, n: reply(h, 503 if n == 1 else 200, Retry_After=moment)) as (base, _):
        HttpSession(FAST, sleep=sleep).request("GET", base)
    assert len(waits) == 1
    assert 6 < waits[0] <= 10


@pytest.mark.parametrize(
    "policy", [HttpPolicy(max_wait_seconds=5), HttpPolicy(budget_seconds=5)], ids=["wait", "budget"]
)
def test_retry_after_beyond_the_limits_gives_up_at_once(policy: HttpPolicy) -> None:
    waits, sleep = recorder()
    with (
        serving(lambda h, n: reply(h, 429, Retry_After="3600")) as (base, received),
        pytest.raises(TransientError, match="wait 3600 s") as caught,
    ):
        HttpSession(policy, sleep=sleep).request("GET", base)
    assert (len(received), waits) == (1, [])
    assert caught.value.retry_after_seconds == 3600


def test_waits_grow_and_differ() -> None:
    waits, sleep = recorder()
    policy = HttpPolicy(first_wait_seconds=1.0, max_attempts=6, budget_seconds=10_000)
    with serving(lambda h, n: reply(h, 503)) as (base, _), pytest.raises(TransientError):
        HttpSession(policy, sleep=sleep).request("GET", base)
    assert len(waits) == 5
    assert len(set(waits)) == 5
    assert all(wait <= 2**number for number, wait in enumerate(waits))


def cut(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection without an answer."""
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def test_cut_connection_is_repeated_when_repeating_is_harmless() -> None:
    with serving(lambda h, n: cut(h) if n == 1 else reply(h, 200)) as (base, received):
        assert HttpSession(FAST).request("GET", base).status == 200
    assert len(received) == 2


def test_cut_connection_is_not_repeated_when_the_request_must_run_once() -> None:
    with serving(lambda h, n: cut(h)) as (base, received), pytest.raises(TransientError) as caught:
        HttpSession(FAST).request("POST", base, body=b"{}", is_repeatable=False)
    assert len(received) == 1
    assert caught.value.outcome_unknown


def test_refusal_before_any_work_is_repeated_even_when_the_request_must_run_once() -> None:
    with serving(lambda h, n: reply(h, 429 if n == 1 else 200)) as (base, received):
        assert HttpSession(FAST).request("POST", base, body=b"{}", is_repeatable=False).status == 200
    assert len(received) == 2


def test_gateway_error_of_a_request_that_must_run_once_leaves_its_outcome_unknown() -> None:
    with serving(lambda h, n: reply(h, 504)) as (base, received), pytest.raises(TransientError) as caught:
        HttpSession(FAST).request("POST", base, body=b"{}", is_repeatable=False)
    assert len(received) == 1
    assert caught.value.outcome_unknown


def test_server_that_stays_silent_times_out() -> None:
    release = threading.Event()
    policy = HttpPolicy(read_timeout_seconds=0.2, first_wait_seconds=0.001, max_attempts=2)
    with serving(lambda h, n: release.wait(5) and None) as (base, received):
        with pytest.raises(TransientError, match="no answer within"):
            HttpSession(policy).request("GET", base)
        release.set()
    assert len(received) == 2


def test_answer_that_trickles_for_ever_ends_with_the_budget() -> None:
    def trickle(handler: BaseHTTPRequestHandler, _number: int) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            for _ in range(200):
                handler.wfile.write(b"x" * 70_000)
                handler.wfile.flush()
                time.sleep(0.02)
        except OSError:
            pass

    policy = HttpPolicy(budget_seconds=0.3, max_body_bytes=10**9)
    started = time.monotonic()
    with serving(trickle) as (base, _), pytest.raises(TransientError, match="not complete within"):
        HttpSession(policy).request("GET", base)
    assert time.monotonic() - started < 3


def test_answer_larger_than_allowed_is_refused_also_when_compressed() -> None:
    packed = gzip.compress(b"0" * 5_000_000)
    with (
        serving(lambda h, n: reply(h, 200, packed, Content_Encoding="gzip")) as (base, received),
        pytest.raises(PermanentError, match="larger than"),
    ):
        HttpSession(HttpPolicy(max_body_bytes=1_000_000)).request("GET", base)
    assert len(received) == 1


def test_answer_cut_off_is_repeated() -> None:
    def half(handler: BaseHTTPRequestHandler, number: int) -> None:
        if number > 1:
            reply(handler, 200, b"whole")
            return
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"half")

    with serving(half) as (base, _):
        assert HttpSession(FAST).request("GET", base).body == b"whole"


def test_host_that_refuses_connections_is_transient_and_repeated_even_for_requests_that_run_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    waits, sleep = recorder()
    with pytest.raises(TransientError, match="refuses connections") as caught:
        HttpSession(HttpPolicy(max_attempts=3), sleep=sleep).request(
            "POST", f"http://127.0.0.1:{port}/x", is_repeatable=False
        )
    assert not caught.value.outcome_unknown
    assert len(waits) == 2


@pytest.mark.parametrize("status", [400, 503])
def test_message_holds_no_secret_even_when_the_server_echoes_it(status: int) -> None:
    token, password = "tok3n-very-secret", "passw0rd-very-secret"

    def echo(handler: BaseHTTPRequestHandler, _number: int) -> None:
        reply(handler, status, f"{token} {password} {handler.path}".encode())

    with serving(echo) as (base, _):
        address = base.replace("http://", f"http://user:{password}@")
        session = HttpSession(
            HttpPolicy(max_attempts=1), headers={"Authorization": f"Bearer {token}"}, auth=("user", password)
        )
        with pytest.raises(LoaderError) as caught:
            session.request("GET", f"{address}/path", params={"visible": "not-in-message"})
    told = f"{caught.value} {caught.value!r} {session!r} {caught.value.__cause__}"
    assert token not in told
    assert password not in told
    assert "not-in-message" not in str(caught.value).split("answered")[0]
    assert "/path" in str(caught.value)


def test_status_the_caller_accepts_is_returned() -> None:
    with serving(lambda h, n: reply(h, 404, b"gone")) as (base, _):
        assert HttpSession(FAST).request("GET", base, accept_statuses={404}).status == 404


def test_answer_that_is_not_json_is_an_error_that_shows_its_beginning() -> None:
    with serving(lambda h, n: reply(h, 200, b"<html>Log on</html>")) as (base, _):
        answer = HttpSession(FAST).request("GET", base)
    with pytest.raises(PermanentError, match="Log on"):
        answer.json()


def test_environment_neither_redirects_nor_identifies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving(lambda h, n: reply(h, 200)) as (base, _):
        assert HttpSession(FAST).request("GET", base).status == 200


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "ok"),
        (204, "ok"),
        (429, "transient"),
        (503, "transient"),
        (404, "permanent"),
        (500, "permanent"),
        (302, "permanent"),
    ],
)
def test_classify_response_decides_by_status(status: int, outcome: str) -> None:
    assert classify_response(status, {}).outcome == outcome


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("5", 5.0),
        (" 5 ", 5.0),
        ("soon", None),
        ("", None),
        ("-1", None),
        ("Thu, 05 Mar 2026 00:00:30 GMT", 30.0),
        ("Wed, 04 Mar 2026 00:00:00 GMT", 0.0),
    ],
)
def test_parse_retry_after_reads_seconds_and_dates(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, datetime(2026, 3, 5, tzinfo=UTC)) == seconds


@pytest.mark.parametrize(
    ("how", "words"),
    [({"is_expired": True}, "certificate has expired.*renew"), ({"host": "DNS:elsewhere.example"}, "for another host")],
)
def test_certificate_of_a_known_authority_that_is_not_good_says_why(
    tmp_path: Path, how: dict[str, Any], words: str
) -> None:
    certificates = make_certificates(tmp_path, **how)
    with serving(lambda h, n: reply(h, 200), certificates.server_context()) as (base, received):
        with pytest.raises(PermanentError, match=words):
            HttpSession(HttpPolicy(ca_bundle=certificates.authority)).request("GET", base)
        assert received == []


def test_certificate_is_verified_unless_its_authority_is_named(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path)
    with serving(lambda h, n: reply(h, 200), certificates.server_context()) as (base, received):
        with pytest.raises(PermanentError, match="not trusted"):
            HttpSession(FAST).request("GET", base)
        assert received == []
        trusting = HttpSession(HttpPolicy(ca_bundle=certificates.authority))
        assert trusting.request("GET", base).status == 200


def drip_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        connection.sendall(b"a")
        time.sleep(0.1)


def drip_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b"a")
        time.sleep(0.1)


def say_continue_for_ever(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.1)


@pytest.mark.parametrize("answer", [drip_headers, drip_body, say_continue_for_ever])
def test_answer_that_never_ends_byte_by_byte_is_given_up_when_the_budget_is_spent(
    answer: Callable[[socket.socket], None],
) -> None:
    """Each byte comes well within the read time-out, which therefore never ends the request."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.recv(65536)
                answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        policy = HttpPolicy(read_timeout_seconds=1.0, budget_seconds=1.5, max_attempts=1)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with pytest.raises(TransientError, match=r"not complete within 1\.5 s") as caught:
            HttpSession(policy).request("POST", url, body=b"x", is_repeatable=False)
    assert caught.value.outcome_unknown
