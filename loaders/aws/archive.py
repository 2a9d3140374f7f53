"""The archive in S3: one put that overwrites nothing, with a checksum that S3 verifies and keeps.

What belongs here: storing once. What stays out: names and reasons (``loaders/archive.py``).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from loaders.archive import sha256_of, taken
from loaders.aws.clients import AwsPolicy
from loaders.aws.s3 import BUFFER_BYTES, Bucket, S3Place


@dataclass(frozen=True)
class S3Archive:
    """An archive in a bucket.

    Attributes:
        place: bucket and prefix.
        policy: time-outs and tries.
    """

    place: S3Place
    policy: AwsPolicy = field(default_factory=AwsPolicy)

    @classmethod
    def parse(cls, address: str) -> S3Archive:
        """Read ``s3://bucket/prefix``."""
        return cls(S3Place.parse(address))

    @cached_property
    def _bucket(self) -> Bucket:
        return Bucket(self.place.bucket, self.policy)

    def put(self, name: str, path: Path) -> str:
        """Store a file unless its key is taken; a taken key must hold the same content."""
        key, digest = self.place.key(name), sha256_of(path)
        if not self._bucket.put_once(key, path, digest) and self._stored(key) != digest:
            raise taken(self.place.address(key))
        return self.place.address(key)

    def _stored(self, key: str) -> bytes:
        """The digest of what is there: S3's own where it keeps one."""
        kept = self._bucket.sha256(key)
        if kept is not None:
            return kept
        digest = hashlib.sha256()
        with self._bucket.open(self._bucket.head(key)) as stream:
            for chunk in iter(lambda: stream.read(BUFFER_BYTES), b""):
                digest.update(chunk)
        return digest.digest()
