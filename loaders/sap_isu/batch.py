"""``$batch`` of OData V2: writing multipart requests and reading multipart replies.

What belongs here: bytes in, parts out. What stays out: what the parts mean (``odata``).
Reading is lenient about line ends and headers, since proxies rewrite them, and strict about completeness: a reply
without its closing boundary is no reply.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_CRLF = "\r\n"
_STATUS_LINE = re.compile(rb"HTTP/\d\.\d (\d{3})")
_BOUNDARY = re.compile(r'boundary="?([^";,\s]{1,200})"?', re.IGNORECASE)
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_MOST_NESTED = 2
# A batch of ours has at most some hundred parts; an answer with far more is no answer to it.
_MOST_DELIMITERS = 10_000


class BatchFormatError(ValueError):
    """A reply that cannot be read to its end."""


@dataclass(frozen=True)
class Part:
    """The answer to one operation.

    Attributes:
        headers: names in lower case.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class ChangesetReply:
    """The answers to the operations of a changeset that was kept."""

    parts: tuple[Part, ...]


def new_boundary(kind: str) -> str:
    """A boundary that no JSON body can contain by accident."""
    return f"{kind}_{uuid.uuid4()}"


def compose_reads(paths: Sequence[str], boundary: str) -> bytes:
    """Write a batch of GET requests, paths relative to the service root."""
    parts = [_http_part(f"GET {path} HTTP/1.1{_CRLF}Accept: application/json{_CRLF}{_CRLF}") for path in paths]
    return _join(parts, boundary).encode()


def compose_writes(creates: Sequence[tuple[str, str]], boundary: str) -> bytes:
    """Write a batch of POST requests, each in a changeset of its own, so that one refusal takes no other with it.

    Args:
        creates: (path relative to the service root, JSON body) pairs.
        boundary: the batch's boundary.
    """
    parts = []
    for number, (path, body) in enumerate(creates, start=1):
        inner = new_boundary("changeset")
        length = len(body.encode())
        request = (
            f"POST {path} HTTP/1.1{_CRLF}Content-Type: application/json{_CRLF}Accept: application/json{_CRLF}"
            f"Content-Length: {length}{_CRLF}{_CRLF}{body}"
        )
        changeset = _join([_http_part(request, content_id=str(number))], inner)
        parts.append(f"Content-Type: multipart/mixed; boundary={inner}{_CRLF}{_CRLF}{changeset}")
    return _join(parts, boundary).encode()


def parse_reply(content_type: str, body: bytes, *, _depth: int = 1) -> list[Part | ChangesetReply]:
    """Read a multipart reply.

    Raises:
        BatchFormatError: no boundary, no end, or a part that is no HTTP answer.
    """
    match = _BOUNDARY.search(content_type)
    if "multipart/mixed" not in content_type.lower() or match is None:
        msg = f"the reply is {content_type[:80] or 'of no type'}, not multipart/mixed"
        raise BatchFormatError(msg)
    return [_parse_part(part, _depth) for part in _split(body, match[1])]


def _http_part(request: str, content_id: str | None = None) -> str:
    identity = f"Content-ID: {content_id}{_CRLF}" if content_id else ""
    return f"Content-Type: application/http{_CRLF}Content-Transfer-Encoding: binary{_CRLF}{identity}{_CRLF}{request}"


def _join(parts: Sequence[str], boundary: str) -> str:
    return "".join(f"--{boundary}{_CRLF}{part}{_CRLF}" for part in parts) + f"--{boundary}--{_CRLF}"


def _split(body: bytes, boundary: str) -> list[bytes]:
    """Cut at the lines that are the delimiter; by search, since every reply has a boundary of its own to look for."""
    delimiter = b"--" + boundary.encode()
    parts: list[bytes] = []
    start: int | None = None
    at = body.find(delimiter)
    for _ in range(_MOST_DELIMITERS):
        if at < 0:
            break
        after = at + len(delimiter)
        if at == 0 or body[at - 1 : at] == b"\n":
            is_last = body.startswith(b"--", after)
            line_end = body.find(b"\n", after)
            line_end = len(body) if line_end < 0 else line_end
            # A line that only begins like the delimiter is content.
            if not body[after + 2 * is_last : line_end].strip(b" \t\r"):
                if start is not None:
                    parts.append(body[start:at].removesuffix(b"\n").removesuffix(b"\r"))
                if is_last:
                    return parts
                start = line_end + 1
        at = body.find(delimiter, after)
    msg = "the reply has too many parts" if at >= 0 else "the reply breaks off before its closing boundary"
    raise BatchFormatError(msg)


def _without_first_line_end(part: bytes) -> bytes:
    return part[2:] if part.startswith(b"\r\n") else part.removeprefix(b"\n")


def _parse_part(part: bytes, depth: int) -> Part | ChangesetReply:
    headers, content = _head(part)
    content_type = headers.get("content-type", "")
    if "multipart/mixed" in content_type.lower():
        if depth >= _MOST_NESTED:
            msg = "changesets are nested in the reply"
            raise BatchFormatError(msg)
        inner = parse_reply(content_type, content, _depth=depth + 1)
        return ChangesetReply(tuple(one for one in inner if isinstance(one, Part)))
    return _parse_http(content)


def _parse_http(content: bytes) -> Part:
    line, _, rest = content.lstrip(b"\r\n").partition(b"\n")
    match = _STATUS_LINE.match(line)
    if match is None:
        msg = f"a part of the reply begins {line[:60]!r}, not with an HTTP status"
        raise BatchFormatError(msg)
    if rest.startswith((b"\r\n", b"\n")):
        return Part(int(match[1]), {}, _without_first_line_end(rest))
    headers, body = _head(rest)
    length = headers.get("content-length", "")
    # The line end before the next boundary is not the body's; where a length is given it says so exactly.
    is_whole = length.isascii() and length.isdigit() and int(length) <= len(body)
    return Part(int(match[1]), headers, body[: int(length)] if is_whole else body.rstrip(b"\r\n"))


def _head(part: bytes) -> tuple[dict[str, str], bytes]:
    """Headers and what follows them; a part may have no headers, or nothing after them."""
    if part.startswith((b"\r\n", b"\n")):
        return {}, _without_first_line_end(part)
    end = _HEAD_END.search(part)
    head, content = (part[: end.start()], part[end.end() :]) if end else (part, b"")
    headers = {}
    for line in head.decode("latin-1").splitlines():
        name, separator, value = line.partition(":")
        if separator:
            headers[name.strip().lower()] = value.strip()
    return headers, content
