"""Bytes of a meter file cut into physical lines, in bounded memory.

What belongs here: line ends, byte order marks, over-long lines, the hash of the content, and the decision "this is not
text". What stays out: records.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import IO

from loaders.sources.unreadable import UnreadableFileError

_CHUNK_BYTES = 1024 * 1024
MAX_LINE_BYTES = 256 * 1024
"""No record comes near: 288 values of 20 characters are 6 kB."""
_KEPT_OF_LONG_LINE = 200
_BOM = b"\xef\xbb\xbf"
_CONTROL_BYTES = bytes(code for code in range(32) if code not in b"\t\r\n\f\x1a")
_MAX_CONTROL_SHARE = 0.02


class OverlongLine(bytes):
    """The beginning of a line that was longer than any record may be."""


class TextLines:
    """Iterates over batches of complete lines; afterwards tells what the file was.

    Attributes:
        byte_count: bytes read.
        line_count: physical lines, the unfinished last one included.
        remainder: text after the last line end (empty when the file ends with a line end).
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self.byte_count = 0
        self.line_count = 0
        self.remainder = b""

    @property
    def file_hash(self) -> str:
        """Hash of the bytes read."""
        return self._hash.hexdigest()

    def __iter__(self) -> Iterator[list[bytes]]:
        """Yield lines without their line feed (a carriage return may still end them).

        Raises:
            UnreadableFileError: the content is not text.
        """
        tail = b""
        is_skipping = False
        has_only_returns = False
        for chunk in iter(lambda: self._stream.read(_CHUNK_BYTES), b""):
            data = chunk
            if not self.byte_count:
                has_only_returns = b"\n" not in chunk and b"\r" in chunk
                data = chunk.removeprefix(_BOM)
            self._take(chunk)
            if has_only_returns:
                data = data.replace(b"\r", b"\n")
            lines = data.split(b"\n")
            if not is_skipping:
                lines[0] = tail + lines[0]
            elif len(lines) > 1:
                lines[0] = OverlongLine(tail)
                is_skipping = False
            if is_skipping:
                continue
            tail = lines.pop()
            if len(tail) > MAX_LINE_BYTES:
                tail, is_skipping = tail[:_KEPT_OF_LONG_LINE], True
            self.line_count += len(lines)
            if lines:
                yield lines
        if tail:
            self.line_count += 1
        self.remainder = OverlongLine(tail) if is_skipping else tail

    def _take(self, chunk: bytes) -> None:
        """Count and hash a chunk, and refuse one that is no text."""
        if not self.byte_count:
            _refuse_binary(chunk)
        if b"\0" in chunk:
            raise UnreadableFileError("NOT_TEXT", "The file holds zero bytes: it is binary or UTF-16, not UTF-8.")
        self._hash.update(chunk)
        self.byte_count += len(chunk)


def _refuse_binary(first_chunk: bytes) -> None:
    controls = len(first_chunk) - len(first_chunk.translate(None, _CONTROL_BYTES))
    if controls > _MAX_CONTROL_SHARE * len(first_chunk):
        raise UnreadableFileError("NOT_TEXT", "The file is binary, not text.")


def decode_line(line: bytes) -> str:
    """Decode a line as UTF-8, else as Windows-1252, which Australian portals also write.

    Raises:
        UnreadableFileError: neither fits.
    """
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        pass
    try:
        return line.decode("cp1252")
    except UnicodeDecodeError as error:
        raise UnreadableFileError("NOT_TEXT", f"The file is neither UTF-8 nor Windows-1252 text ({error}).") from error
