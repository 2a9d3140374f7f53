"""Containers: what is opened, what is quarantined, and that neither stops the rest."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from loaders.sources.archives import ArchiveLimits
from loaders.sources.meter_files import ReadOptions
from tests.unit.loaders.sources.meter_harness import day, header, mdff, read_files

GOOD = mdff(header(), day()).encode()


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _encrypted() -> bytes:
    """Set the flag that says a member is encrypted, in both headers."""
    content = bytearray(zipped({"a.csv": GOOD}, zipfile.ZIP_STORED))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


@pytest.mark.parametrize(
    ("name", "content", "member"),
    [
        ("plain.anything", GOOD, "plain.anything"),
        ("a.csv.gz", gzip.compress(GOOD), "a.csv.gz"),
        ("named like text.csv", gzip.compress(GOOD), "named like text.csv"),
        ("a.ZIP", zipped({"x.csv": GOOD}), "a.ZIP/x.csv"),
        ("no extension", zipped({"folder/x": GOOD}), "no extension/folder/x"),
        ("a.bz2.zip", zipped({"x.csv": GOOD}, zipfile.ZIP_BZIP2), "a.bz2.zip/x.csv"),
        ("a.xz.zip", zipped({"x.csv": GOOD}, zipfile.ZIP_LZMA), "a.xz.zip/x.csv"),
        ("deep.zip", zipped({"inner.zip": zipped({"x.csv": GOOD})}), "deep.zip/inner.zip/x.csv"),
        ("gz in.zip", zipped({"x.csv.gz": gzip.compress(GOOD)}), "gz in.zip/x.csv.gz"),
        ("sub/folder/a.csv", GOOD, "sub/folder/a.csv"),
    ],
)
def test_container_told_by_its_bytes_is_read(name: str, content: bytes, member: str) -> None:
    staged = read_files({name: content})
    assert [row["file_name"] for row in staged.intervals] == [member]
    (row,) = staged.files
    assert (row["status"], row["delivered_name"], row["delivered_byte_count"]) == ("ACCEPTED", name, len(content))
    assert row["byte_count"] == len(GOOD)


def test_members_of_one_archive_are_files_of_their_own() -> None:
    staged = read_files({"a.zip": zipped({"x.csv": GOOD, "y.csv": GOOD})})
    assert [row["file_name"] for row in staged.files] == ["a.zip/x.csv", "a.zip/y.csv"]
    assert len(staged.intervals) == 2


def test_members_of_the_same_name_stay_apart() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x.csv", GOOD)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("x.csv", GOOD)
    staged = read_files({"a.zip": buffer.getvalue()})
    assert [row["file_name"] for row in staged.files] == ["a.zip/x.csv", "a.zip/x.csv#2"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (zipped({"x.csv": GOOD})[:-30], "ARCHIVE_BROKEN"),
        (zipped({"x.csv": GOOD})[:200], "ARCHIVE_BROKEN"),
        (zipped({}), "ARCHIVE_EMPTY"),
        (_encrypted(), "ARCHIVE_ENCRYPTED"),
        (gzip.compress(GOOD)[:-10], "ARCHIVE_CUT_OFF"),
        (gzip.compress(GOOD)[:20], "ARCHIVE_CUT_OFF"),
        (gzip.compress(GOOD)[:-8] + b"\x00" * 8, "ARCHIVE_BROKEN"),
        (bytes(range(256)) * 40, "NOT_TEXT"),
        (GOOD.decode().encode("utf-16"), "NOT_TEXT"),
        (GOOD + b"\x00", "NOT_TEXT"),
        (mdff(header(), day(tail="A,0,?,,")).encode().replace(b"?", b"\x81"), "NOT_TEXT"),
    ],
    ids=["cut zip", "short zip", "empty zip", "password", "cut gzip", "short gzip", "gzip checksum", "binary", "utf-16",
         "zero byte", "undecodable"],
)  # fmt: skip
def test_unreadable_content_is_quarantined_whole_and_the_rest_is_read(content: bytes, code: str) -> None:
    staged = read_files({"bad": content, "good.csv": GOOD})
    bad, good = staged.files
    assert (bad["status"], bad["reason_code"], bad["record_count"]) == ("QUARANTINED", code, 0)
    assert good["status"] == "ACCEPTED"
    assert staged.rejects == [(0, code)]
    assert staged["rejected_records"][0]["reason"].endswith(".")
    assert [row["file_name"] for row in staged.intervals] == ["good.csv"]
    assert {row["file_name"] for row in staged["meter_headers"]} == {"good.csv"}


def test_damaged_member_hides_neither_the_ones_before_nor_after() -> None:
    content = bytearray(zipped({"a.csv": GOOD, "b.csv": GOOD, "c.csv": GOOD}, zipfile.ZIP_STORED))
    place = content.index(b"b.csv") + len("b.csv") + 200
    content[place] ^= 0x01
    staged = read_files({"z.zip": bytes(content)})
    assert [row["status"] for row in staged.files] == ["ACCEPTED", "QUARANTINED", "ACCEPTED"]
    assert [row["file_name"] for row in staged.intervals] == ["z.zip/a.csv", "z.zip/c.csv"]


@pytest.mark.parametrize(
    ("content", "limits", "code"),
    [
        (gzip.compress(b"0" * 3_000_000), ArchiveLimits(max_unpacked_bytes=1_000_000), "FILE_TOO_LARGE"),
        (zipped({"a": b"0" * 3_000_000}), ArchiveLimits(max_unpacked_bytes=1_000_000), "FILE_TOO_LARGE"),
        (zipped({"a": GOOD, "b": GOOD, "c": GOOD}), ArchiveLimits(max_members=2), "ARCHIVE_TOO_MANY_FILES"),
        (zipped({"i": zipped({"j": GOOD})}), ArchiveLimits(max_depth=1), "ARCHIVE_TOO_DEEP"),
    ],
    ids=["gzip bomb", "zip bomb", "members", "depth"],
)
def test_archive_beyond_a_limit_is_quarantined(content: bytes, limits: ArchiveLimits, code: str) -> None:
    staged = read_files({"bomb": content}, options=ReadOptions(limits))
    assert [row["reason_code"] for row in staged.files] == [code]
    assert staged.intervals == []
