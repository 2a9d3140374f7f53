import http.client
from collections.abc import Iterator
from decimal import Decimal

import pytest

from sandbox.faults import FaultStore, from_mapping, parse_header
from sandbox.http import FaultMiddleware, Request, Response, Router, SandboxServer, dump_json, json_response

COMMITS: list[str] = []


def _handle(request: Request) -> Response:
    COMMITS.append(request.path)
    return json_response({"name": request.path_parameters["name"], "faults": list(request.faults)})


@pytest.fixture
def served() -> Iterator[tuple[SandboxServer, FaultStore]]:
    COMMITS.clear()
    store = FaultStore()
    router = Router()
    router.add("POST", "/things/{name}", _handle)
    server = SandboxServer("127.0.0.1", 0, FaultMiddleware(router.handle, store))
    server.start()
    yield server, store
    server.shutdown()
    server.server_close()


def _post(server: SandboxServer, header: str | None = None, path: str = "/things/a") -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)
    connection.request("POST", path, body=b"{}", headers={"X-Sandbox-Fault": header} if header else {})
    return connection.getresponse()


def test_server_unknown_path_or_verb_answers_404_and_405(served):
    server, _ = served
    assert _post(server, path="/nothing").status == 404
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)
    connection.request("GET", "/things/a")
    assert connection.getresponse().status == 405


def test_fault_429_by_header_answers_retry_after_and_commits_nothing(served):
    answer = _post(served[0], "429=3")
    assert (answer.status, answer.headers["Retry-After"]) == (429, "3")
    assert COMMITS == []


@pytest.mark.parametrize(("kind", "commits"), [("cut-before", []), ("cut-after", ["/things/a"])])
def test_fault_cut_drops_connection_before_or_after_commit(served, kind, commits):
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        _post(served[0], kind)
    assert commits == COMMITS


@pytest.mark.parametrize(("kind", "commits"), [("reset-before", []), ("reset-after", ["/things/a"])])
def test_fault_reset_resets_the_connection_before_or_after_commit(served, kind, commits):
    with pytest.raises(ConnectionResetError):
        _post(served[0], kind)
    assert commits == COMMITS


def test_fault_commanded_twice_hits_two_requests_on_its_prefix_only(served):
    server, store = served
    store.add(from_mapping({"fault": "503", "count": 2, "path_prefix": "/things/a"}))
    assert _post(server, path="/things/b").status == 200
    assert [_post(server).status for _ in range(3)] == [503, 503, 200]
    assert store.armed() == []


def test_fault_html_answers_200_with_logon_page(served):
    answer = _post(served[0], "html")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")


def test_fault_expired_session_is_handed_to_the_handler(served):
    assert b"expired-session" in _post(served[0], "expired-session").read()


def test_fault_header_unknown_name_is_refused():
    with pytest.raises(ValueError, match="not known"):
        parse_header("delay=1;typo")


def test_dump_json_decimal_keeps_all_digits():
    assert dump_json({"a": [Decimal("0.10"), Decimal("1E+2")], "b": None}) == '{"a":[0.10,100],"b":null}'
