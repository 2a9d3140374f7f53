"""A landing in S3: the same rows as from a folder, ranges instead of scans, and failures that lose nothing."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from loaders.aws.clients import AwsPolicy
from loaders.aws.landing import S3Landing
from loaders.errors import LoaderError, PermanentError, TransientError
from loaders.sources.landing import DeliveredFile, LocalLanding, open_landing
from loaders.sources.meter_files import extract_meter_files
from tests.aws_stand_in import Proxy
from tests.integration.aws.conftest import QUICK
from tests.unit.loaders.sources.meter_harness import DAY, Staged, day, header, mdff, read_landing

KEYS = f"r/nem12/billing_day={DAY}/"
TEXT = mdff(header(), day(), day(on="20260303")).encode()


def zipped(*members: tuple[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return packed.getvalue()


def large_text() -> bytes:
    """Some megabytes that do not compress away."""
    values = [[f"{int.from_bytes(os.urandom(2)) / 1000:.3f}" for _ in range(48)] for _ in range(50)]
    blocks = [record for n in range(60) for record in (header(nmi=f"41020{n:05d}"), *(day(row) for row in values))]
    return mdff(*blocks).encode()


ACCUMULATION = (
    "250,VABC005890,1141,1,11,11,METSER123,E,006342.8,20031005093055,A,,,007654.9,20040107100333,S64,77,dog,"
    "1312.1,kWh,20040407,20040108100333,20040108091133"
)
# Each of its records is broken in another way: a day without a header, too few values, a value that is none.
BROKEN_RECORDS = mdff(day(), header(), day(["0.5"] * 47), day(["0.5"] * 47 + ["x"])).encode()

FILES = {
    "nem13.csv": mdff(ACCUMULATION, "550,N,SO1,A,SO2", version="NEM13").encode(),
    "broken records.csv": BROKEN_RECORDS,
    "three lines.csv": b"100,NEM12,202603050100,MDP1,RET1\n300,20260304,1\n900\n",
    "cut off.csv": TEXT[: len(TEXT) // 2],
    "events.csv": mdff(header(), day(tail="V,,,20260305010000,"), "400,1,24,A,,", "400,25,48,S14,32,x y").encode(),
    "utf16.csv": TEXT.decode().encode("utf-16"),
    "damaged.csv.gz": gzip.compress(TEXT)[:-20],
    "plain.csv": TEXT,
    "packed.csv.gz": gzip.compress(TEXT),
    "bundle.zip": zipped(("a.csv", TEXT), ("deep/b.zip", zipped(("c.csv", TEXT.replace(b"0.5", b"0.7"))))),
    "sub/with space & ümlaut.csv": TEXT.replace(b"4103000011", b"4103000022"),
    "empty.csv": b"",
    "broken.zip": zipped(("a.csv", large_text()))[:-5000],
    "noise.bin": os.urandom(3000),
    "big.zip": zipped(*((f"{n}.csv", large_text()) for n in range(3))),
}


def landing(address: str = "s3://landing/r", policy: AwsPolicy = QUICK) -> S3Landing:
    return replace(S3Landing.parse(address), policy=policy)


def without_stamps(staged: Staged) -> dict[str, list[dict[str, Any]]]:
    """Every row but what says when and from which object it was read."""
    passing = {"delivered_stamp", "extracted_at"}
    return {
        table: [{name: value for name, value in row.items() if name not in passing} for row in rows]
        for table, rows in staged.tables.items()
    }


def test_files_in_s3_give_the_rows_that_they_give_in_a_folder(s3: Any, tmp_path: Path) -> None:
    for name, content in FILES.items():
        path = tmp_path / f"landing/nem12/billing_day={DAY}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        s3.put_object(Bucket="landing", Key=KEYS + name, Body=content)
    s3.put_object(Bucket="landing", Key=KEYS, Body=b"")
    in_s3 = open_landing("s3://landing/r")
    in_folder = LocalLanding(tmp_path / "landing")
    assert [file.name for file in in_s3.list_files(DAY)] == [file.name for file in in_folder.list_files(DAY)]
    from_s3 = read_landing(in_s3, tmp_path / "a")
    from_folder = read_landing(in_folder, tmp_path / "b")
    assert without_stamps(from_s3) == without_stamps(from_folder)
    assert len(from_folder.intervals) >= 3 * 60 * 50 + 2 * 5 + 1
    assert len(from_folder["meter_accumulation_records"]) == 1
    assert len(from_folder["meter_interval_events"]) == 2
    assert len([reject for reject in from_folder.rejects if reject[0]]) >= 4
    assert from_s3.detail == from_folder.detail


def test_landing_in_s3_travels_to_another_process_after_it_was_used(s3: Any, tmp_path: Path) -> None:
    s3.put_object(Bucket="landing", Key=KEYS + "a.csv", Body=TEXT)
    used = landing()
    assert used.list_files(DAY)
    again = pickle.loads(pickle.dumps(used))
    assert again == used
    assert again.list_files(DAY) == used.list_files(DAY)


def test_listing_of_days_asks_for_their_range_of_keys_only(s3: Any, aws: Proxy) -> None:
    for on in ("2026-03-03", "2026-03-04", "2026-03-05", "2026-03-06"):
        s3.put_object(Bucket="landing", Key=f"r/nem12/billing_day={on}/a.csv", Body=TEXT)
    s3.put_object(Bucket="landing", Key="r/nem12/readme.txt", Body=b"no delivery")
    s3.put_object(Bucket="landing", Key="other/nem12/billing_day=2026-03-05/a.csv", Body=b"of somebody else")
    aws.requests.clear()
    listed = landing().list_between(date(2026, 3, 4), date(2026, 3, 5))
    assert {on.isoformat(): [file.name for file in files] for on, files in listed.items()} == {
        "2026-03-04": ["a.csv"], "2026-03-05": ["a.csv"],
    }  # fmt: skip
    assert landing().list_days() == [date(2026, 3, on) for on in (3, 4, 5, 6)]
    assert landing().list_files(date(2026, 3, 7)) == []
    assert len(aws.asked("GET", "prefix=r%2Fnem12%2Fbilling_day%3D")) == len(aws.requests) == 3
    assert aws.asked("GET", "start-after=r%2Fnem12%2Fbilling_day%3D2026-03-03")


def test_flat_landing_takes_the_day_from_the_name_in_either_form(s3: Any, tmp_path: Path) -> None:
    for name in (
        "20260305_mdp.csv",
        "2026-03-05T0400.csv",
        "20260306.csv",
        "2026-03-04.csv",
        "notes.csv",
        "99999999.csv",
    ):
        s3.put_object(Bucket="landing", Key=f"r/nem12/{name}", Body=TEXT)
    flat = landing("s3://landing/r?layout=flat")
    assert [file.name for file in flat.list_files(DAY)] == ["2026-03-05T0400.csv", "20260305_mdp.csv"]
    assert flat.list_days() == [date(2026, 3, 4), DAY, date(2026, 3, 6)]
    assert set(flat.list_between(DAY, date(2026, 3, 6))) == {DAY, date(2026, 3, 6)}
    assert [row["delivered_name"] for row in read_landing(flat, tmp_path).files] == [
        "2026-03-05T0400.csv", "20260305_mdp.csv",
    ]  # fmt: skip


def test_listing_over_pages_is_whole(s3: Any, aws: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "3")
    for n in range(7):
        s3.put_object(Bucket="landing", Key=f"{KEYS}{n}.csv", Body=b"x")
    assert len(landing().list_files(DAY)) == 7
    assert len(aws.asked("GET", "continuation-token")) == 2


@pytest.mark.parametrize(
    "address", ["s3://", "s3:///r", "s3://key:secret@landing/r", "s3://landing/r?layout=deep", "ftp://landing/r"]
)
def test_address_that_is_no_landing_is_refused_without_showing_it_whole(address: str) -> None:
    with pytest.raises(PermanentError) as caught:
        open_landing(address)
    assert "secret" not in str(caught.value)


def test_same_content_put_again_has_the_same_stamp_and_other_content_another(s3: Any) -> None:
    def put(content: bytes) -> DeliveredFile:
        s3.put_object(Bucket="landing", Key=KEYS + "a.csv", Body=content)
        return landing().list_files(DAY)[0]

    assert put(TEXT) == put(TEXT) != put(TEXT + b"\r\n")


def test_upload_in_parts_that_has_not_ended_is_told_and_read_when_it_has(s3: Any, tmp_path: Path) -> None:
    upload = s3.create_multipart_upload(Bucket="landing", Key=KEYS + "late.csv")["UploadId"]
    part = s3.upload_part(Bucket="landing", Key=KEYS + "late.csv", UploadId=upload, PartNumber=1, Body=TEXT)
    extract = extract_meter_files(landing(), DAY, tmp_path / "a")
    assert extract.row_counts["meter_files"] == 0
    assert "late.csv" in extract.failures[0]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket="landing", Key=KEYS + "late.csv", UploadId=upload, MultipartUpload=parts)
    extract = extract_meter_files(landing(), DAY, tmp_path / "b")
    assert (extract.row_counts["meter_interval_records"], list(extract.failures)) == (2, [])


def test_connection_cut_in_the_middle_is_taken_up_where_it_ended(s3: Any, aws: Proxy) -> None:
    content = os.urandom(3_000_000)
    s3.put_object(Bucket="landing", Key=KEYS + "a.csv", Body=content)
    for cut in (0, 1_000_000, 500_000):
        aws.fail("GET", "a.csv", cut_after=cut)
    found = landing()
    with found.open(DAY, found.list_files(DAY)[0]) as stream:
        assert stream.read() == content
    assert len(aws.asked("GET", "a.csv")) == 4


def test_connection_that_is_cut_again_and_again_is_given_up_as_transient(s3: Any, aws: Proxy) -> None:
    s3.put_object(Bucket="landing", Key=KEYS + "a.csv", Body=TEXT)
    aws.fail("GET", "a.csv", cut_after=0, times=99)
    found = landing()
    with pytest.raises(TransientError, match=r"Reading s3://landing/r/nem12/.*a\.csv"):
        found.open(DAY, found.list_files(DAY)[0]).read()
    assert len(aws.asked("GET", "a.csv")) == QUICK.max_attempts


def test_object_whose_bytes_changed_on_the_way_is_refused_by_its_checksum(s3: Any, aws: Proxy) -> None:
    s3.put_object(Bucket="landing", Key=KEYS + "a.csv", Body=TEXT, ChecksumAlgorithm="CRC32")
    found = landing()
    file = found.list_files(DAY)[0]
    aws.fail("GET", "a.csv", damage=b"200")
    with pytest.raises(PermanentError, match="checksums differ"):
        found.open(DAY, file).read()
    assert found.open(DAY, file).read() == TEXT


def test_reading_takes_memory_for_a_buffer_and_not_for_the_object(s3: Any, aws: Proxy) -> None:
    import tracemalloc

    s3.put_object(Bucket="landing", Key=KEYS + "a.bin", Body=os.urandom(24 * 1024 * 1024))
    found = landing()
    file = found.list_files(DAY)[0]
    with found.open(DAY, file) as stream:
        stream.read(10)
        tracemalloc.start()
        stream.seek(-1000, os.SEEK_END)
        assert len(stream.read()) == 1000
        stream.seek(5_000_000)
        stream.read(2_000_000)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    # Two megabytes were asked for at once; the stand-in's own copy of the object is in this process too.
    assert len(aws.asked("GET", "a.bin")) == 3
    assert peak < 24 * 1024 * 1024 * 3


BROKEN: dict[str, tuple[Callable[[Proxy, Any], object], type[LoaderError], str]] = {
    "throttled for good": (
        lambda aws, _: aws.fail("GET", "a.csv", status=503, code="SlowDown", times=99), TransientError, "SlowDown"),
    "listing throttled for good": (
        lambda aws, _: aws.fail("GET", "list-type", status=503, code="SlowDown", times=99), TransientError, "fewer"),
    "deleted between listing and reading": (
        lambda aws, s3: aws.fail("GET", "a.csv", before=lambda: s3.delete_object(Bucket="landing", Key=KEYS + "a.csv")),
        PermanentError, "deleted"),
    "replaced between listing and reading": (
        lambda aws, s3: aws.fail(
            "GET", "a.csv", before=lambda: s3.put_object(Bucket="landing", Key=KEYS + "a.csv", Body=TEXT + b"\n")),
        PermanentError, "replaced after it was listed"),
    "expired credentials": (
        lambda aws, _: aws.fail("GET", "list-type", status=400, code="ExpiredToken"), PermanentError, "have expired"),
    "wrong credentials": (
        lambda aws, _: aws.fail("GET", "list-type", status=403, code="InvalidAccessKeyId"), PermanentError,
        "does not accept"),
    "no permission": (
        lambda aws, _: aws.fail("GET", "a.csv", status=403, code="AccessDenied"), PermanentError, "may not do this"),
    "wrong region": (
        lambda aws, _: aws.fail("GET", "list-type", status=400, code="AuthorizationHeaderMalformed"), PermanentError,
        "AWS_DEFAULT_REGION"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_landing_that_fails_says_why_and_the_next_run_completes(s3: Any, aws: Proxy, tmp_path: Path, case: str) -> None:
    s3.put_object(Bucket="landing", Key=KEYS + "a.csv", Body=TEXT)
    s3.put_object(Bucket="landing", Key=KEYS + "b.csv", Body=TEXT)
    break_it, kind, words = BROKEN[case]
    break_it(aws, s3)
    with pytest.raises(kind, match=words) as caught:
        extract_meter_files(landing(), DAY, tmp_path / "first")
    assert "testing" not in str(caught.value)
    aws.faults.clear()
    extract = extract_meter_files(landing(), DAY, tmp_path / "second")
    present = 1 if case.startswith("deleted") else 2
    assert extract.row_counts["meter_interval_records"] == 2 * present


def test_throttling_that_passes_is_waited_out(s3: Any, aws: Proxy, tmp_path: Path) -> None:
    s3.put_object(Bucket="landing", Key=KEYS + "a.csv", Body=TEXT)
    aws.fail("GET", "list-type", status=503, code="SlowDown").fail("GET", "a.csv", status=503, code="SlowDown", times=2)
    assert extract_meter_files(landing(), DAY, tmp_path).row_counts["meter_interval_records"] == 2


def test_missing_bucket_is_named(aws: Proxy) -> None:
    with pytest.raises(PermanentError, match=r"Listing s3://nowhere/r/nem12/.*no such bucket"):
        landing("s3://nowhere/r").list_files(DAY)


def test_without_credentials_or_endpoint_the_error_says_what_to_set(
    aws: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(PermanentError, match="credentials"):
        landing().list_files(DAY)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(TransientError, match="EndpointConnectionError"):
        landing().list_files(DAY)
