"""Why a delivered file as a whole cannot be read.

What belongs here: the failure that quarantines a file, and how library errors translate into it.
What stays out: rejecting single records (``meter_rows.py``), and failures of the disk or the network, which are no
fault of the file and fail the extract instead.
"""

from __future__ import annotations

import gzip
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager


class UnreadableFileError(Exception):
    """A delivered file, or a member of an archive, that is quarantined whole.

    Attributes:
        code: short reason in capitals.
        reason: the reason in a sentence.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


_CONTENT_ERRORS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError, RuntimeError,
    ValueError, IndexError,
)  # fmt: skip
"""What the archive libraries raise on content they cannot make sense of."""

_SENTENCES: tuple[tuple[type[Exception], str, str], ...] = (
    (gzip.BadGzipFile, "ARCHIVE_BROKEN", "The gzip data are damaged"),
    (EOFError, "ARCHIVE_CUT_OFF", "The compressed data end too early"),
    (NotImplementedError, "ARCHIVE_METHOD_UNKNOWN", "The compression method is not known"),
)


@contextmanager
def content_errors() -> Iterator[None]:
    """Translate what libraries raise on damaged content; a failing disk or network stays what it is."""
    try:
        yield
    except OSError as error:
        # Decompressors raise OSError without a number; the operating system's have one.
        if error.errno is not None:
            raise
        raise _unreadable_from(error) from error
    except _CONTENT_ERRORS as error:
        raise _unreadable_from(error) from error


def _unreadable_from(error: Exception) -> UnreadableFileError:
    for kind, code, sentence in _SENTENCES:
        if isinstance(error, kind):
            return UnreadableFileError(code, f"{sentence} ({error}).")
    if isinstance(error, RuntimeError) and "password" in str(error):
        return UnreadableFileError("ARCHIVE_ENCRYPTED", "The archive is protected by a password.")
    return UnreadableFileError("ARCHIVE_BROKEN", f"The compressed data are damaged ({error}).")
