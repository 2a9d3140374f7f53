"""``$batch`` bodies: what is written can be read by the gateway, what is read may come in many forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loaders.sap_isu.batch import BatchFormatError, ChangesetReply, Part, compose_reads, compose_writes, parse_reply
from sandbox.sap.batch import Changeset, Operation, parse

MIXED = "multipart/mixed; boundary=b1"


def reply(*parts: str, boundary: str = "b1", end: str = "\r\n") -> bytes:
    text = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts) + f"--{boundary}--\r\n"
    return text.replace("\r\n", end).encode()


def answer(status: int, body: str, headers: str = "") -> str:
    return (
        "Content-Type: application/http\r\nContent-Length: 1\r\ncontent-transfer-encoding: binary\r\n\r\n"
        f"HTTP/1.1 {status} W\r\n{headers}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )


def changeset(*parts: str) -> str:
    return "Content-Type: multipart/mixed; boundary=c1\r\n\r\n" + reply(*parts, boundary="c1").decode()


def test_compose_writes_gives_one_changeset_per_create_that_the_gateway_reads() -> None:
    body = compose_writes([("Set", '{"a":"ä"}'), ("Set?x=1", '{"b":1}')], "b1")
    parsed = parse(body, MIXED)
    operations = [part.operations[0] for part in parsed if isinstance(part, Changeset)]
    assert [(one.method, one.url, one.body.decode()) for one in operations] == [
        ("POST", "Set", '{"a":"ä"}'),
        ("POST", "Set?x=1", '{"b":1}'),
    ]
    assert len(parsed) == 2


def test_compose_reads_gives_plain_parts_that_the_gateway_reads() -> None:
    parsed = parse(compose_reads(["A('1')", "B"], "b1"), MIXED)
    assert [(one.method, one.url) for one in parsed if isinstance(one, Operation)] == [("GET", "A('1')"), ("GET", "B")]


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_parse_reply_changesets_and_refusals_in_order(end: str) -> None:
    body = reply(changeset(answer(201, '{"d":{}}', "sap-message: w\r\n")), answer(400, '{"error":{}}'), end=end)
    first, second = parse_reply('multipart/mixed; boundary="b1"', body)
    assert isinstance(first, ChangesetReply)
    assert (first.parts[0].status, first.parts[0].body, first.parts[0].headers["sap-message"]) == (
        201,
        b'{"d":{}}',
        "w",
    )
    assert isinstance(second, Part)
    assert (second.status, second.body) == (400, b'{"error":{}}')


def test_parse_reply_part_without_headers_or_body_is_read() -> None:
    (part,) = parse_reply(MIXED, reply("Content-Type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"))
    assert part == Part(204, {}, b"")


def test_parse_reply_body_that_looks_like_a_boundary_inside_json_is_kept() -> None:
    (part,) = parse_reply(MIXED, reply(answer(200, '{"d":"--b1 not at a line start"}')))
    assert isinstance(part, Part)
    assert part.body == b'{"d":"--b1 not at a line start"}'


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html", b"<html>"),
        ("multipart/mixed", b""),
        (MIXED, b""),
        (MIXED, reply(answer(201, "{}"))[:-8]),
        (MIXED, reply("Content-Type: application/http\r\n\r\nSSH-2.0 no")),
        (MIXED, reply(changeset(changeset(answer(201, "{}"))))),
    ],
)
def test_parse_reply_cut_off_or_foreign_is_an_error(content_type: str, body: bytes) -> None:
    with pytest.raises(BatchFormatError):
        parse_reply(content_type, body)


@given(st.binary(max_size=2000), st.booleans())
def test_parse_reply_any_bytes_end_in_parts_or_the_typed_error(noise: bytes, framed: bool) -> None:
    body = b"--b1\r\n" + noise + b"\r\n--b1--\r\n" if framed else noise
    try:
        parts = parse_reply(MIXED, body)
    except BatchFormatError:
        return
    assert all(isinstance(part, (Part, ChangesetReply)) for part in parts)
