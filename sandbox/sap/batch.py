"""``$batch``: multipart/mixed in and out, strict about what the Gateway is strict about (CRLF, lengths, nesting)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from sandbox.http import Headers, Response

_CRLF = b"\r\n"
_REQUEST_LINE = re.compile(rb"([A-Z]+) (\S+) HTTP/1\.1")


class BatchError(ValueError):
    """A batch that cannot be read; the whole of it is refused."""


@dataclass(frozen=True)
class Operation:
    """One request inside a batch; ``url`` is as sent, mostly relative to the service root."""

    method: str
    url: str
    headers: Headers
    body: bytes
    content_id: str | None


@dataclass(frozen=True)
class Changeset:
    """Requests that are kept all together or not at all."""

    operations: tuple[Operation, ...]


def boundary_of(content_type: str | None) -> str | None:
    """Read the boundary out of a ``multipart/mixed`` content type."""
    match = re.match(r'\s*multipart/mixed\s*;.*?boundary="?([^";\s]+)"?', content_type or "", re.IGNORECASE)
    return match[1] if match else None


def parse(body: bytes, content_type: str | None) -> list[Operation | Changeset]:
    """Read a batch.

    Raises:
        BatchError: when it is malformed.
    """
    boundary = boundary_of(content_type)
    if boundary is None:
        raise BatchError("Content-Type has to be multipart/mixed with a boundary")
    return [_part(part) for part in _split(body, boundary)]


def _split(body: bytes, boundary: str) -> list[bytes]:
    delimiter = re.compile(rb"(?:\r\n|\A)--" + re.escape(boundary.encode()) + rb"(--)?[ \t]*(?:\r\n|\Z)")
    parts: list[bytes] = []
    start: int | None = None
    position = 0
    while match := delimiter.search(body, position):
        if start is not None:
            parts.append(body[start : match.start()])
        if match[1]:
            return parts
        start = match.end()
        # The CRLF that ends a delimiter may also begin the next one (an empty part).
        position = match.end() - len(_CRLF)
    raise BatchError(f"The closing boundary --{boundary}-- is missing (lines have to end with CRLF)")


def _part(part: bytes) -> Operation | Changeset:
    headers, content = _headers(part)
    content_type = headers.get("Content-Type", "")
    if boundary := boundary_of(content_type):
        operations = []
        for inner in _split(content, boundary):
            found = _part(inner)
            if isinstance(found, Changeset):
                raise BatchError("A changeset cannot hold a changeset")
            operations.append(found)
        return Changeset(tuple(operations))
    if not content_type.lower().startswith("application/http"):
        raise BatchError(f"A part has to be application/http, not {content_type!r}")
    if headers.get("Content-Transfer-Encoding", "").lower() != "binary":
        raise BatchError("A part needs Content-Transfer-Encoding: binary")
    return _operation(content, headers.get("Content-ID"))


def _headers(part: bytes) -> tuple[Headers, bytes]:
    head, separator, content = part.partition(_CRLF + _CRLF)
    if not separator:
        raise BatchError("A part has no empty line after its headers (lines have to end with CRLF)")
    items = {}
    for line in head.split(_CRLF):
        if line:
            name, _, value = line.decode("latin-1").partition(":")
            items[name.strip()] = value.strip()
    return Headers(items), content


def _operation(content: bytes, content_id: str | None) -> Operation:
    line, _, rest = content.partition(_CRLF)
    match = _REQUEST_LINE.fullmatch(line.strip())
    if match is None:
        raise BatchError(f"Not a request line: {line[:80]!r}")
    headers, body = (Headers({}), rest[2:]) if rest.startswith(_CRLF) else _headers(rest)
    length = headers.get("Content-Length")
    if length is not None:
        if not length.isdigit() or int(length) > len(body) or body[int(length) :].strip(_CRLF):
            raise BatchError(f"Content-Length {length} does not fit the part's body of {len(body)} bytes")
        body = body[: int(length)]
    return Operation(
        match[1].decode(), match[2].decode("latin-1"), headers, body, content_id or headers.get("Content-ID")
    )


@dataclass(frozen=True)
class Answer:
    """The answer to one operation."""

    response: Response
    content_id: str | None = None


def compose(parts: Sequence[Answer | Sequence[Answer]]) -> tuple[str, bytes]:
    """Write the reply: a list of answers becomes a changeset part, one answer a plain part.

    Returns:
        The content type and the body.
    """
    boundary = f"batch_{secrets.token_hex(12)}"
    written = [_answer(part) if isinstance(part, Answer) else _changeset(part) for part in parts]
    return f"multipart/mixed; boundary={boundary}", _join(written, boundary)


def _changeset(answers: Sequence[Answer]) -> bytes:
    boundary = f"changeset_{secrets.token_hex(12)}"
    body = _join([_answer(answer) for answer in answers], boundary)
    return _with_headers(
        {"Content-Type": f"multipart/mixed; boundary={boundary}", "Content-Length": str(len(body))}, body
    )


def _answer(answer: Answer) -> bytes:
    response = answer.response
    inner = {name: value for name, value in response.headers if name.lower() != "content-length"}
    inner["Content-Length"] = str(len(response.body))
    phrase = HTTPStatus(response.status).phrase
    message = f"HTTP/1.1 {response.status} {phrase}\r\n".encode() + _with_headers(inner, response.body)
    outer = {
        "Content-Type": "application/http",
        "Content-Length": str(len(message)),
        "content-transfer-encoding": "binary",
    }
    if answer.content_id:
        outer["Content-ID"] = answer.content_id
    return _with_headers(outer, message)


def _with_headers(headers: Mapping[str, str], body: bytes) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("latin-1") + _CRLF + body


def _join(parts: Sequence[bytes], boundary: str) -> bytes:
    delimiter = f"--{boundary}".encode()
    return b"".join(delimiter + _CRLF + part + _CRLF for part in parts) + delimiter + b"--" + _CRLF
