"""Objects in S3: listed by prefix, read as a stream, written once.

What belongs here: addresses, ranges of keys, reading that survives a cut connection, and writing that never
overwrites. What stays out: what the objects are (``landing.py``, ``archive.py``, ``extracted_files.py``).
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from mimetypes import guess_type
from pathlib import Path
from typing import IO, Any, Final, cast
from urllib.parse import urlsplit

from loaders.aws.clients import AwsPolicy, call, error_code, open_client
from loaders.errors import PermanentError, TransientError

BUFFER_BYTES: Final = 1024 * 1024
# Reading past so few bytes is quicker than asking for another range.
_SKIPPED_BYTES: Final = 256 * 1024
# One request takes no more; a delivery or a report never comes near.
MAX_OBJECT_BYTES: Final = 5 * 1024**3
_TAKEN: Final = frozenset({"PreconditionFailed", "412"})


@dataclass(frozen=True)
class S3Place:
    """A bucket and the prefix below which everything lies.

    Attributes:
        bucket: the bucket.
        prefix: keys begin with it; no slash at either end, empty for the whole bucket.
    """

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, address: str) -> S3Place:
        """Read ``s3://bucket/prefix``.

        Raises:
            PermanentError: it is not such an address.
        """
        parts = urlsplit(address)
        if parts.scheme != "s3" or not parts.netloc or parts.username or parts.fragment:
            raise PermanentError(
                "Reading an S3 address",
                f"{parts.scheme}://{parts.hostname or ''}… is not s3://bucket/prefix",
                "Correct it; credentials come from the usual AWS names.",
            )
        return cls(parts.netloc, parts.path.strip("/"))

    def key(self, *names: str) -> str:
        """The key of something below the prefix."""
        return "/".join(name for name in (self.prefix, *names) if name)

    def address(self, key: str) -> str:
        """The key as a person writes it."""
        return f"s3://{self.bucket}/{key}"

    def __str__(self) -> str:
        return self.address(self.prefix)


@dataclass(frozen=True)
class S3Object:
    """One object as it is listed.

    Attributes:
        key: its key.
        byte_count: its size.
        etag: what changes with its content, without quotes.
    """

    key: str
    byte_count: int
    etag: str


@dataclass(frozen=True)
class Bucket:
    """A bucket that is spoken to under a policy.

    Attributes:
        name: the bucket.
        policy: time-outs and tries.
    """

    name: str
    policy: AwsPolicy = field(default_factory=AwsPolicy)

    @cached_property
    def client(self) -> Any:
        """The client; one per process, as it cannot travel to another."""
        return open_client("s3", self.policy)

    def __getstate__(self) -> dict[str, object]:
        """What travels to another process: everything but the client."""
        return {"name": self.name, "policy": self.policy}

    def list_objects(self, prefix: str, *, after: str = "") -> Iterator[S3Object]:
        """Yield the objects whose keys begin with a prefix, in order of key, page by page as they are asked for.

        Args:
            prefix: beginning of the keys.
            after: only keys that sort behind it.
        """
        for page in self._pages(prefix, after=after):
            for entry in page.get("Contents", ()):
                yield S3Object(entry["Key"], entry["Size"], entry["ETag"].strip('"'))

    def list_folders(self, prefix: str) -> Iterator[str]:
        """Yield the beginnings, up to the next slash, of keys that begin with a prefix; no object is listed."""
        for page in self._pages(prefix, delimiter="/"):
            for entry in page.get("CommonPrefixes", ()):
                yield entry["Prefix"]

    def _pages(self, prefix: str, *, after: str = "", delimiter: str = "") -> Iterator[dict[str, Any]]:
        arguments = {"Bucket": self.name, "Prefix": prefix}
        if after:
            arguments["StartAfter"] = after
        if delimiter:
            arguments["Delimiter"] = delimiter
        while True:
            page = self._call(f"Listing s3://{self.name}/{prefix}", self.client.list_objects_v2, **arguments)
            yield page
            if not page.get("IsTruncated"):
                return
            arguments["ContinuationToken"] = page["NextContinuationToken"]

    def unfinished_uploads(self, prefix: str) -> list[str]:
        """Keys of uploads in parts that have begun and not ended: no object shows them."""
        what = f"Listing unfinished uploads below s3://{self.name}/{prefix}"
        answer = self._call(what, self.client.list_multipart_uploads, Bucket=self.name, Prefix=prefix)
        return sorted(entry["Key"] for entry in answer.get("Uploads", ()))

    def open(self, found: S3Object) -> IO[bytes]:
        """Open an object as it was listed, seekable; memory holds one buffer of it.

        The stream raises a LoaderError when the object is gone or another by then.
        """
        return io.BufferedReader(_ObjectReader(self, found), BUFFER_BYTES)

    def head(self, key: str) -> S3Object:
        """What an object is now."""
        answer = self._call(f"Looking at s3://{self.name}/{key}", self.client.head_object, Bucket=self.name, Key=key)
        return S3Object(key, answer["ContentLength"], answer["ETag"].strip('"'))

    def get(self, key: str) -> bytes | None:
        """The content of a small object of ours; None when there is none."""

        def read() -> bytes | None:
            try:
                answer = self.client.get_object(Bucket=self.name, Key=key, ChecksumMode="ENABLED")
            except self.client.exceptions.NoSuchKey:
                return None
            return cast("bytes", answer["Body"].read())

        return call(f"Reading s3://{self.name}/{key}", read, self.policy)

    def download(self, key: str, path: Path) -> bool:
        """Write an object of ours into a file, memory holding one buffer of it; False when there is none."""

        def read() -> bool:
            try:
                body = self.client.get_object(Bucket=self.name, Key=key, ChecksumMode="ENABLED")["Body"]
            except self.client.exceptions.NoSuchKey:
                return False
            with path.open("wb") as stream:
                for chunk in body.iter_chunks(BUFFER_BYTES):
                    stream.write(chunk)
            return True

        return call(f"Reading s3://{self.name}/{key}", read, self.policy)

    def put_once(self, key: str, path: Path, sha256: bytes) -> bool:
        """Store a file under a key that nothing has; what is there already is never overwritten.

        Args:
            key: the key.
            path: the file.
            sha256: its digest; S3 refuses what arrives otherwise, and keeps it beside the object.

        Returns:
            False when the key is taken.
        """
        what = f"Storing s3://{self.name}/{key}"
        if path.stat().st_size > MAX_OBJECT_BYTES:
            raise PermanentError(what, f"the file has more than {MAX_OBJECT_BYTES} bytes", "Deliver it in parts.")

        def put() -> bool:
            with path.open("rb") as stream:
                try:
                    self.client.put_object(
                        Bucket=self.name,
                        Key=key,
                        Body=stream,
                        IfNoneMatch="*",
                        ChecksumAlgorithm="SHA256",
                        ChecksumSHA256=_base64(sha256),
                        ContentType=guess_type(path.name)[0] or "application/octet-stream",
                    )
                except self.client.exceptions.ClientError as error:
                    if error_code(error) in _TAKEN:
                        return False
                    raise
            return True

        return call(what, put, self.policy)

    def sha256(self, key: str) -> bytes | None:
        """The digest that S3 keeps beside an object of ours; None when it keeps none."""
        what = f"Looking at s3://{self.name}/{key}"
        answer = self._call(what, self.client.head_object, Bucket=self.name, Key=key, ChecksumMode="ENABLED")
        found = answer.get("ChecksumSHA256")
        return base64.b64decode(found) if found else None

    def _call(self, what: str, operation: Any, **arguments: Any) -> dict[str, Any]:
        return call(what, lambda: cast("dict[str, Any]", operation(**arguments)), self.policy)


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


class _ObjectReader(io.RawIOBase):
    """One version of an object as a stream: read in order by one request, by others after a seek or a cut."""

    def __init__(self, bucket: Bucket, found: S3Object) -> None:
        self._bucket = bucket
        self._found = found
        self._position = 0
        self._body: Any = None
        self._body_at = 0

    @property
    def _what(self) -> str:
        return f"Reading s3://{self._bucket.name}/{self._found.key}"

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._found.byte_count}[whence]
        if base + offset < 0:
            msg = f"negative position {base + offset}"
            raise ValueError(msg)
        self._position = base + offset
        return self._position

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer))
        wanted = min(len(view), self._found.byte_count - self._position)
        if wanted <= 0:
            return 0
        data = call(self._what, lambda: self._next(wanted), self._bucket.policy)
        view[: len(data)] = data
        self._position += len(data)
        if self._position == self._found.byte_count:
            self._finish()
        return len(data)

    def close(self) -> None:
        self._drop()
        super().close()

    def _next(self, wanted: int) -> bytes:
        """Some bytes at the position; after any failure the next try asks for the rest anew."""
        try:
            self._go_to_position()
            data = cast("bytes", self._body.read(wanted))
        except BaseException:
            self._drop()
            raise
        if not data:
            self._drop()
            raise TransientError(self._what, f"the answer ended after {self._position} bytes")
        self._body_at += len(data)
        return data

    def _go_to_position(self) -> None:
        gap = self._position - self._body_at
        if self._body is not None and 0 <= gap <= _SKIPPED_BYTES:
            while gap and (skipped := self._body.read(gap)):
                gap -= len(skipped)
        if self._body is None or gap:
            self._drop()
            self._ask()
        self._body_at = self._position

    def _ask(self) -> None:
        arguments = {"Bucket": self._bucket.name, "Key": self._found.key, "IfMatch": f'"{self._found.etag}"'}
        if self._position:
            arguments["Range"] = f"bytes={self._position}-"
        else:
            # botocore compares a whole object with the checksum that S3 keeps.
            arguments["ChecksumMode"] = "ENABLED"
        try:
            self._body = self._bucket.client.get_object(**arguments)["Body"]
        except self._bucket.client.exceptions.ClientError as error:
            if error_code(error) in _TAKEN:
                raise PermanentError(
                    self._what,
                    "the object was replaced after it was listed",
                    "Nothing was lost: the next run reads what is there then.",
                ) from None
            raise

    def _finish(self) -> None:
        """Read to the very end: there botocore compares the checksum of an object that was read in one go."""
        call(self._what, lambda: self._body.read(1), AwsPolicy(max_attempts=1))
        self._drop()

    def _drop(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None
