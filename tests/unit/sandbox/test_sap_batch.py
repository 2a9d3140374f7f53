"""``$batch`` of the pretend gateway: changesets kept whole or not at all, strict multipart."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import requests

from tests.unit.sandbox.conftest import World
from tests.unit.sandbox.sap_world import device, reading

CRLF = "\r\n"


def write_part(payload: dict[str, Any], content_id: str = "1") -> str:
    body = json.dumps(payload)
    return CRLF.join(
        [
            "Content-Type: application/http",
            "Content-Transfer-Encoding: binary",
            f"Content-ID: {content_id}",
            "",
            "POST MeterReadingResults HTTP/1.1",
            "Content-Type: application/json",
            "Accept: application/json",
            f"Content-Length: {len(body)}",
            "",
            body,
        ]
    )


def read_part(url: str) -> str:
    return CRLF.join(
        [
            "Content-Type: application/http",
            "Content-Transfer-Encoding: binary",
            "",
            f"GET {url} HTTP/1.1",
            "Accept: application/json",
            "",
            "",
        ]
    )


def changeset(*parts: str, boundary: str = "c1") -> str:
    inner = "".join(f"--{boundary}{CRLF}{part}{CRLF}" for part in parts) + f"--{boundary}--{CRLF}"
    return f"Content-Type: multipart/mixed; boundary={boundary}{CRLF}{CRLF}{inner}"


def batch(*parts: str, boundary: str = "b1") -> bytes:
    return ("".join(f"--{boundary}{CRLF}{part}{CRLF}" for part in parts) + f"--{boundary}--{CRLF}").encode()


def split(body: bytes, content_type: str) -> list[bytes]:
    """Split a reply strictly by its boundary and check each part's Content-Length."""
    boundary = re.search(r"boundary=(\S+)", content_type)[1].encode()  # type: ignore[index]
    assert body.endswith(b"--" + boundary + b"--\r\n")
    parts = (b"\r\n" + body).split(b"\r\n--" + boundary)[1:-1]
    for part in parts:
        headers, _, content = part[2:].partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", headers)
        assert length is not None
        assert int(length[1]) == len(content)
    return [part[2:] for part in parts]


def statuses(response: requests.Response) -> list[list[int] | int]:
    """Give the status of each part; a list for a changeset that was kept."""
    found: list[list[int] | int] = []
    for part in split(response.content, response.headers["Content-Type"]):
        headers, _, content = part.partition(b"\r\n\r\n")
        if b"multipart/mixed" in headers:
            inner = split(content, headers.decode())
            found.append([status_of(one) for one in inner])
        else:
            found.append(status_of(part))
    return found


def status_of(part: bytes) -> int:
    return int(re.search(rb"HTTP/1\.1 (\d{3})", part)[1])  # type: ignore[index]


def test_batch_with_one_failing_changeset_keeps_the_others(sap: World) -> None:
    body = batch(
        changeset(write_part(reading(1)), boundary="c1"),
        changeset(write_part(reading(2)), write_part(reading(2, "009"), "2"), boundary="c2"),
        changeset(write_part(reading(3)), boundary="c3"),
    )
    answer = sap.client.logon().batch(body)
    assert answer.status_code == 202
    assert statuses(answer) == [[201], 400, [201]]
    stored = {r["DeviceID"] for r in sap.client.results("MeterReadingResults")}
    assert stored == {device(1), device(3)}
    assert b"EL/902" in answer.content


def test_batch_replies_in_order_with_content_ids(sap: World) -> None:
    body = batch(changeset(write_part(reading(1), "17"), write_part(reading(2), "18")))
    answer = sap.client.logon().batch(body)
    assert re.findall(rb"Content-ID: (\d+)", answer.content) == [b"17", b"18"]
    first = json.loads(re.findall(rb'\{"d".*\}', answer.content)[0])
    assert first["d"]["DeviceID"] == device(1)


def test_batch_mixes_reads_and_changesets(sap: World) -> None:
    query = f"MeterReadingResults?$filter=DeviceID%20eq%20'{device(1)}'&$format=json"
    body = batch(read_part(query), changeset(write_part(reading(1))), read_part(query), read_part("Devices('9')"))
    answer = sap.client.logon().batch(body)
    assert statuses(answer) == [200, [201], 200, 404]
    found = [json.loads(text)["d"]["results"] for text in re.findall(rb'\{"d":\{"results".*\}', answer.content)]
    assert [len(results) for results in found] == [0, 1]


def test_batch_without_token_is_refused(sap: World) -> None:
    answer = sap.client.batch(batch(changeset(write_part(reading(1)))))
    assert answer.status_code == 403
    assert sap.client.results("MeterReadingResults") == []


def test_warning_of_a_locked_reading_stands_in_its_part(sap: World) -> None:
    answer = sap.client.logon().batch(batch(changeset(write_part(reading(1, value="7721.0")))))
    assert statuses(answer) == [[201]]
    assert re.search(rb"sap-message: (\{.*\})", answer.content)


def test_writing_outside_a_changeset_is_refused(sap: World) -> None:
    assert statuses(sap.client.logon().batch(batch(write_part(reading(1))))) == [400]
    assert sap.client.results("MeterReadingResults") == []


def test_reading_inside_a_changeset_is_refused(sap: World) -> None:
    body = batch(changeset(write_part(reading(1)), read_part("Devices")))
    assert statuses(sap.client.logon().batch(body)) == [400]
    assert sap.client.results("MeterReadingResults") == []


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.replace(b"\r\n", b"\n"),
        lambda body: body.replace(b"--b1--", b""),
        lambda body: re.sub(rb"Content-Length: \d+", b"Content-Length: 99999", body),
        lambda body: re.sub(rb"Content-Length: \d+", b"Content-Length: 3", body),
        lambda body: body.replace(b"HTTP/1.1", b""),
        lambda body: body.replace(b"Content-Transfer-Encoding: binary\r\n", b""),
    ],
    ids=["bare line feeds", "no end", "length too long", "length too short", "no request line", "no encoding"],
)
def test_malformed_batch_is_refused_as_a_whole(sap: World, change: Any) -> None:
    body = change(batch(changeset(write_part(reading(1)))))
    assert sap.client.logon().batch(body).status_code == 400
    assert sap.client.results("MeterReadingResults") == []


def test_boundary_that_begins_like_another_is_told_apart(sap: World) -> None:
    body = batch(changeset(write_part(reading(1)), boundary="b11"), boundary="b1")
    assert statuses(sap.client.logon().batch(body)) == [[201]]


def test_refused_row_fails_its_changeset_once(sap: World) -> None:
    sap.gateway.refusals.add(device(1), "002", 1)
    payload = reading(1, DependentMeterReadingResults=[reading(1, "002", "1050.0")])
    body = batch(changeset(write_part(payload)), changeset(write_part(reading(2)), boundary="c2"))
    assert statuses(sap.client.logon().batch(body)) == [400, [201]]
    assert statuses(sap.client.batch(batch(changeset(write_part(payload))))) == [[201]]


def test_batch_cut_after_the_commit_has_stored_everything(sap: World) -> None:
    body = batch(changeset(write_part(reading(1))), changeset(write_part(reading(2)), boundary="c2"))
    sap.client.logon()
    with pytest.raises(requests.ConnectionError):
        sap.client.batch(body, **{"X-Sandbox-Fault": "cut-after"})
    assert len(sap.client.results("MeterReadingResults")) == 2


def test_batch_cut_midway_has_stored_its_first_half(sap: World) -> None:
    body = batch(*(changeset(write_part(reading(n)), boundary=f"c{n}") for n in (1, 2, 3)))
    sap.client.logon()
    with pytest.raises(requests.ConnectionError):
        sap.client.batch(body, **{"X-Sandbox-Fault": "cut-midway"})
    assert [r["DeviceID"] for r in sap.client.results("MeterReadingResults")] == [device(1)]


def test_post_cut_midway_stores_nothing(sap: World) -> None:
    sap.client.logon()
    with pytest.raises(requests.ConnectionError):
        sap.client.post(reading(1), **{"X-Sandbox-Fault": "cut-midway"})
    assert sap.client.results("MeterReadingResults") == []
