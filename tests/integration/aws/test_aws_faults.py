"""What goes wrong around S3: certificates, throttled and lost writes, and listings that must not grow with a bucket."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from loaders.archive import FolderArchive, open_archive
from loaders.aws.archive import S3Archive
from loaders.aws.clients import call
from loaders.aws.extracted_files import ExtractedFiles
from loaders.aws.function import Extraction
from loaders.aws.landing import S3Landing
from loaders.aws.s3 import S3Place
from loaders.errors import LoaderError, PermanentError, TransientError
from loaders.sources.landing import open_landing
from loaders.sources.meter_files import ReadOptions, extract_meter_files
from tests.aws_stand_in import Proxy, proxied
from tests.certificates import make_certificates
from tests.integration.aws.conftest import QUICK
from tests.unit.loaders.sources.meter_harness import DAY, day, header, mdff

KEYS = f"r/nem12/billing_day={DAY}/"
TEXT = mdff(header(), day()).encode()


@pytest.mark.parametrize(
    "case",
    [
        ({"is_expired": True}, "certificate has expired.*renew"),
        ({"host": "DNS:elsewhere.example"}, "for another host.*address"),
        (None, "not trusted.*AWS_CA_BUNDLE"),
    ],
    ids=["expired", "of another host", "of an unknown authority"],
)
def test_certificate_that_is_not_good_is_named_and_the_next_run_completes(
    s3: Any, aws: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: tuple[dict[str, Any] | None, str]
) -> None:
    how, words = case
    s3.put_object(Bucket="landing", Key=KEYS + "a.csv", Body=TEXT)
    certificates = make_certificates(tmp_path, **(how or {}))
    if how is not None:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificates.authority))
    with proxied(aws.url, certificates.server_context()) as encrypted:
        monkeypatch.setenv("AWS_ENDPOINT_URL", encrypted.url)
        with pytest.raises(PermanentError, match=f"Listing s3://landing/.*{words}") as caught:
            extract_meter_files(open_landing("s3://landing/r"), DAY, tmp_path / "a")
        assert "never switched off" in str(caught.value)
        assert encrypted.requests == []
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    extract = extract_meter_files(open_landing("s3://landing/r"), DAY, tmp_path / "b")
    assert extract.row_counts["meter_interval_records"] == 1


def test_endpoint_of_ones_own_authority_is_talked_to_when_its_bundle_is_named(
    s3: Any, aws: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = make_certificates(tmp_path)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificates.authority))
    with proxied(aws.url, certificates.server_context()) as encrypted:
        monkeypatch.setenv("AWS_ENDPOINT_URL", encrypted.url)
        assert open_landing("s3://landing/r").list_files(DAY) == []


def test_listing_costs_the_same_whatever_else_lies_in_the_bucket(
    s3: Any, aws: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "20")
    for n in range(3):
        s3.put_object(Bucket="landing", Key=f"{KEYS}{n}.csv", Body=b"x")

    def requests() -> int:
        aws.requests.clear()
        found = open_landing("s3://landing/r")
        assert len(found.list_files(DAY)) == 3
        assert list(found.list_between(DAY - timedelta(2), DAY)) == [DAY]
        return len(aws.requests)

    alone = requests()
    places = ["a/x", "r/x", "r/nem12/x", "r/nem12/billing_day=2020-01-01/x", "r/nem12/billing_day=2030-01-01/x", "z/x"]
    for n in range(40):
        for place in places:
            s3.put_object(Bucket="landing", Key=f"{place}{n}", Body=b"x")
    assert requests() == alone == 2


def archived(s3: Any) -> list[bytes]:
    kept = s3.list_objects_v2(Bucket="landing", Prefix="kept/").get("Contents", [])
    return [s3.get_object(Bucket="landing", Key=one["Key"])["Body"].read() for one in kept]


def lose_the_answer(aws: Proxy, s3: Any) -> None:
    """S3 stores the file, and its answer never comes."""
    key = f"kept/deliveries/nem12/billing_day={DAY}/{hashlib.sha256(TEXT).hexdigest()}/a.csv"
    aws.fail(
        "PUT", "kept/", status=503, code="SlowDown", before=lambda: s3.put_object(Bucket="landing", Key=key, Body=TEXT)
    )


WRITES: dict[str, tuple[Callable[[Proxy, Any], object], str]] = {
    "throttled for a while": (lambda aws, _: aws.fail("PUT", "kept/", status=503, code="SlowDown", times=2), ""),
    "stored but not answered": (lose_the_answer, ""),
    "throttled for good": (
        lambda aws, _: aws.fail("PUT", "kept/", status=503, code="SlowDown", times=99), "asks for fewer requests"),
    "refused": (lambda aws, _: aws.fail("PUT", "kept/", status=403, code="AccessDenied"), "may not do this"),
    "expired": (lambda aws, _: aws.fail("PUT", "kept/", status=400, code="ExpiredToken"), "have expired"),
    "damaged on the way": (lambda aws, _: aws.fail("PUT", "kept/", status=400, code="BadDigest"), "checksums differ"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRITES)
def test_file_is_archived_before_it_is_loaded_whatever_happens_to_the_write(
    s3: Any, aws: Proxy, tmp_path: Path, case: str
) -> None:
    s3.put_object(Bucket="landing", Key=KEYS + "a.csv", Body=TEXT)
    options = ReadOptions(archive=S3Archive(S3Place("landing", "kept"), QUICK))
    break_it, words = WRITES[case]
    break_it(aws, s3)
    if words:
        with pytest.raises(LoaderError, match=f"Storing s3://landing/kept/.*{words}"):
            extract_meter_files(open_landing("s3://landing/r"), DAY, tmp_path / "a", options=options)
        assert archived(s3) == []
        aws.faults.clear()
    for n in range(2):
        extract = extract_meter_files(open_landing("s3://landing/r"), DAY, tmp_path / f"b{n}", options=options)
        assert extract.row_counts["meter_interval_records"] == 1
    assert archived(s3) == [TEXT]


@pytest.mark.parametrize("path", ["extracted/.*parquet", "extracted/.*manifest"])
def test_extraction_whose_rows_cannot_be_stored_leaves_no_manifest_and_is_done_next_time(
    s3: Any, aws: Proxy, path: str
) -> None:
    s3.put_object(Bucket="landing", Key=KEYS + "a.csv", Body=TEXT)
    landing = S3Landing(S3Place("landing", "r"), policy=QUICK)
    extraction = Extraction(landing, ExtractedFiles(S3Place("landing", "extracted"), policy=QUICK), ReadOptions())
    (file,) = landing.list_files(DAY)
    aws.fail("PUT", path, status=503, code="SlowDown", times=99)
    with pytest.raises(LoaderError, match="Storing s3://landing/extracted/"):
        extraction.extract(DAY, file)
    assert extraction.extracted.find(DAY, file) is None
    aws.faults.clear()
    assert extraction.extract(DAY, file) == extraction.extract(DAY, file) == extraction.extracted.find(DAY, file)


def test_archive_in_a_folder_keeps_what_one_in_s3_keeps(s3: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(TEXT)
    for place, kind in ((str(tmp_path / "kept"), FolderArchive), ("s3://landing/kept", S3Archive)):
        archive = open_archive(place)
        assert isinstance(archive, kind)
        assert archive.put("x/a.csv", path) == archive.put("x/a.csv", path) == f"{place}/x/a.csv"
    assert (tmp_path / "kept/x/a.csv").read_bytes() == archived(s3)[0] == TEXT


def test_days_of_a_bucket_that_is_missing_are_an_error_and_not_an_empty_landing(aws: Proxy) -> None:
    with pytest.raises(PermanentError, match="no such bucket"):
        open_landing("s3://nowhere/r").list_between(date(2026, 1, 1), DAY)


def test_failure_below_botocore_while_a_body_is_read_is_passing() -> None:
    from urllib3.exceptions import SSLError

    def read() -> None:
        raise SSLError("DECRYPTION_FAILED_OR_BAD_RECORD_MAC")

    with pytest.raises(TransientError, match="Reading: the answer was cut off"):
        call("Reading", read, QUICK)


@pytest.mark.parametrize("cut", [0, 1_000_000])
def test_encrypted_connection_cut_in_the_middle_is_taken_up_where_it_ended(
    s3: Any, aws: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    content = os.urandom(3_000_000)
    s3.put_object(Bucket="landing", Key=KEYS + "a.csv", Body=content)
    certificates = make_certificates(tmp_path)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificates.authority))
    with proxied(aws.url, certificates.server_context()) as encrypted:
        monkeypatch.setenv("AWS_ENDPOINT_URL", encrypted.url)
        landing = S3Landing(S3Place("landing", "r"), policy=QUICK)
        (file,) = landing.list_files(DAY)
        encrypted.fail("GET", "a.csv", cut_after=cut)
        with landing.open(DAY, file) as stream:
            assert stream.read() == content
        assert len(encrypted.asked("GET", "a.csv")) == 2
