"""Delivered files opened as text members: plain, zip, gzip, and archives inside archives.

What belongs here: telling containers by their first bytes (never by name) and streaming members within byte limits.
What stays out: what the members say.
"""

from __future__ import annotations

import gzip
import io
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, cast

from loaders.sources.unreadable import UnreadableFileError, content_errors

_ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_GZIP_MAGIC = b"\x1f\x8b"
_MAGIC_LENGTH = 4
_ENCRYPTED_FLAG = 0x1
_COPY_BYTES = 1024 * 1024
_SPOOL_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class ArchiveLimits:
    """Bounds against archives made to fill a machine.

    Attributes:
        max_unpacked_bytes: bytes that all members of one delivered file may unpack to.
        max_members: members of one archive.
        max_depth: archives inside archives.
    """

    max_unpacked_bytes: int = 4 * 1024**3
    max_members: int = 20_000
    max_depth: int = 3


@dataclass(frozen=True)
class Member:
    """A piece of a delivered file that should be text.

    Attributes:
        name: delivered name, followed by the member's name inside an archive.
        stream: its bytes, unpacked while read; None when it cannot be opened.
        error: why it cannot be opened.
    """

    name: str
    stream: IO[bytes] | None
    error: UnreadableFileError | None = None


class _Budget:
    """Bytes that a delivered file may still unpack to."""

    def __init__(self, limits: ArchiveLimits) -> None:
        self.limits = limits
        self._left = limits.max_unpacked_bytes

    def take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise UnreadableFileError(
                "FILE_TOO_LARGE",
                f"The file unpacks to more than the {self.limits.max_unpacked_bytes} bytes allowed.",
            )


class _Metered(io.RawIOBase):
    """A stream that counts what is read against a budget."""

    def __init__(self, stream: IO[bytes], budget: _Budget) -> None:
        self._stream = stream
        self._budget = budget

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer))
        with content_errors():
            data = self._stream.read(len(view))
        self._budget.take(len(data))
        view[: len(data)] = data
        return len(data)


def iter_members(stream: IO[bytes], name: str, limits: ArchiveLimits) -> Iterator[Member]:
    """Yield the text members of a delivered file; a member must be read before the next one is asked for.

    Args:
        stream: the delivered file, seekable.
        name: its name, used for the members' names.
        limits: byte and member limits.
    """
    yield from _open(_buffered(stream), name, _Budget(limits), depth=0)


def _buffered(stream: object) -> io.BufferedReader:
    """Give any binary stream a ``peek``; the archive libraries' streams are binary streams in all but type."""
    return (
        cast("io.BufferedReader", stream)
        if hasattr(stream, "peek")
        else io.BufferedReader(cast("io.RawIOBase", stream))
    )


def _metered(stream: object, budget: _Budget) -> io.BufferedReader:
    return io.BufferedReader(_Metered(cast("IO[bytes]", stream), budget), _COPY_BYTES)


def _open(stream: io.BufferedReader, name: str, budget: _Budget, depth: int) -> Iterator[Member]:
    try:
        magic = stream.peek(_MAGIC_LENGTH)[:_MAGIC_LENGTH]
    except UnreadableFileError as error:
        yield Member(name, None, error)
        return
    is_archive = magic in _ZIP_MAGICS or magic.startswith(_GZIP_MAGIC)
    if is_archive and depth >= budget.limits.max_depth:
        reason = f"The archive holds archives more than {budget.limits.max_depth} levels deep."
        yield Member(name, None, UnreadableFileError("ARCHIVE_TOO_DEEP", reason))
    elif magic in _ZIP_MAGICS:
        yield from _open_zip(stream, name, budget, depth)
    elif magic.startswith(_GZIP_MAGIC):
        yield from _open(_metered(gzip.GzipFile(fileobj=stream), budget), name, budget, depth + 1)
    else:
        yield Member(name, stream)


def _open_zip(stream: io.BufferedReader, name: str, budget: _Budget, depth: int) -> Iterator[Member]:
    """Yield the members of a zip; one that is damaged or protected does not hide the others."""
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES) as spool:
        source: IO[bytes] = stream
        try:
            if depth:
                # A zip is read from its end, and a member of another archive cannot be sought.
                shutil.copyfileobj(stream, spool, _COPY_BYTES)
                source = spool
            with content_errors():
                archive = zipfile.ZipFile(source)
                infos = [info for info in archive.infolist() if not info.is_dir()]
            _check_members(infos, budget.limits)
        except UnreadableFileError as error:
            yield Member(name, None, error)
            return
        with archive:
            names: dict[str, int] = {}
            for info in infos:
                names[info.filename] = names.get(info.filename, 0) + 1
                repeat = names[info.filename]
                member = f"{name}/{info.filename}" + (f"#{repeat}" if repeat > 1 else "")
                yield from _open_member(archive, info, member, budget, depth)


def _check_members(infos: list[zipfile.ZipInfo], limits: ArchiveLimits) -> None:
    if not infos:
        raise UnreadableFileError("ARCHIVE_EMPTY", "The archive holds no file.")
    if len(infos) > limits.max_members:
        raise UnreadableFileError(
            "ARCHIVE_TOO_MANY_FILES", f"The archive holds {len(infos)} files; {limits.max_members} are allowed."
        )


def _open_member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, budget: _Budget, depth: int
) -> Iterator[Member]:
    if info.flag_bits & _ENCRYPTED_FLAG:
        yield Member(name, None, UnreadableFileError("ARCHIVE_ENCRYPTED", "The archive is protected by a password."))
        return
    try:
        with content_errors():
            opened = archive.open(info)
    except UnreadableFileError as error:
        yield Member(name, None, error)
        return
    with opened:
        yield from _open(_metered(opened, budget), name, budget, depth + 1)
