"""Extraction by the Lambda function in AWS's own runtime client: the same rows as here, byte for byte."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import dagster as dg
import pyarrow.parquet as pq
import pytest

from loaders.aws.clients import open_client
from loaders.errors import LoaderError, PermanentError, TransientError
from loaders.sources.extract import Extract
from loaders.sources.landing import open_landing
from loaders.sources.meter_files import FilesRead, extract_meter_files
from orchestration.lambda_extract import function_reader, invoke
from orchestration.sources import SOURCES
from orchestration.systems import Systems
from tests.aws_stand_in import ENVIRONMENT, Proxy
from tests.conftest import REPOSITORY
from tests.integration.aws.test_s3_landing import FILES
from tests.lambda_runtime import Service, events_of, lambda_function
from tests.unit.loaders.sources.meter_harness import DAY, day, header, mdff

KEYS: Final = f"r/nem12/billing_day={DAY}/"
TEXT: Final = mdff(header(), day()).encode()
SETTINGS: Final = {
    "BILLSYNC_LANDING": "s3://landing/r",
    "BILLSYNC_EXTRACT_OUTPUT": "s3://landing/extracted",
    "BILLSYNC_ARCHIVE": "s3://landing/kept",
}

SETTINGS_OF_RUNS: Final = {
    **SETTINGS, "BILLSYNC_ENV": "test", "BILLSYNC_EXTRACT": "lambda", "BILLSYNC_EXTRACT_FUNCTION": "extract",
}  # fmt: skip


@pytest.fixture(scope="module")
def warm_function(session_proxy: Proxy) -> Iterator[Service]:
    """One process for all tests of this file: every call but the first is a warm one."""
    environ = {**ENVIRONMENT, **SETTINGS, "AWS_ENDPOINT_URL": session_proxy.url}
    with lambda_function("extract", "loaders.aws.function.handler", REPOSITORY, environ) as service:
        yield service


@pytest.fixture
def function(warm_function: Service, s3: Any, monkeypatch: pytest.MonkeyPatch) -> Service:
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", warm_function.url)
    warm_function.events.clear()
    return warm_function


@pytest.fixture
def systems(tmp_path: Path) -> Systems:
    return Systems({**SETTINGS_OF_RUNS, "BILLSYNC_HOME": str(tmp_path)})


def in_a_step(work: Any) -> dg.ExecuteInProcessResult:
    """Carry out something inside a step of a Dagster run, as an extract asset does."""

    @dg.asset
    def step() -> dg.MaterializeResult[Any]:
        work()
        return dg.MaterializeResult()

    job = dg.Definitions(assets=[step]).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(raise_on_error=True)


def extract_of_the_day(systems: Systems, folder: Path) -> Extract:
    """What the meter file source gives inside a run."""
    systems.ensure_raw_schema()
    source = next(one for one in SOURCES if one.name == "meter_files")
    found: list[Extract] = []
    in_a_step(lambda: found.extend(source.read(systems, DAY, folder)))
    return found[-1]


def tables_of(extract: Extract) -> dict[str, list[Mapping[str, Any]]]:
    """Staged rows in the order they would be loaded in; the instant of reading left out."""
    return {
        write.table: [
            {name: value for name, value in row.items() if name != "extracted_at"}
            for path in write.files
            for row in pq.read_table(path).to_pylist()
        ]
        for write in extract.writes
    }


def land(s3: Any, name: str = "a.csv", content: bytes = TEXT) -> None:
    s3.put_object(Bucket="landing", Key=KEYS + name, Body=content)


def call(service: Service, event: object) -> dict[str, Any]:
    """Call the function as AWS's own services do."""
    answer = open_client("lambda").invoke(FunctionName=service.name, Payload=json.dumps(event))
    assert "FunctionError" not in answer, answer["Payload"].read()
    told: dict[str, Any] = json.loads(answer["Payload"].read())
    return told


def notified(*names: str, event: str = "ObjectCreated:Put") -> dict[str, Any]:
    """S3's notification, as its documentation shows it: keys are quoted like form fields."""
    return {
        "Records": [
            {"eventSource": "aws:s3", "eventName": event,
             "s3": {"bucket": {"name": "landing"}, "object": {"key": name.replace(" ", "+"), "eTag": "x"}}}
            for name in names
        ]
    }  # fmt: skip


def test_rows_by_the_function_are_the_rows_read_here(
    function: Service, s3: Any, systems: Systems, tmp_path: Path
) -> None:
    for name, content in FILES.items():
        land(s3, name, content)
    by_function = extract_of_the_day(systems, tmp_path / "function")
    here = extract_meter_files(open_landing("s3://landing/r"), DAY, tmp_path / "here")
    assert tables_of(by_function) == tables_of(here)
    assert by_function.row_counts == here.row_counts
    assert (by_function.detail, by_function.preview) == (here.detail, here.preview)
    assert len(function.events) == 1


def test_version_that_was_extracted_on_arrival_is_not_asked_for_again(
    function: Service, s3: Any, systems: Systems, tmp_path: Path
) -> None:
    land(s3, "on arrival & ümlaut.csv")
    land(s3, "later.csv.gz", gzip.compress(TEXT.replace(b"0.5", b"0.7")))
    told = call(function, notified(KEYS + "on arrival & ümlaut.csv"))
    assert told == {"files": 1, "quarantined": 0, "accepted_records": 4, "rejected_records": 0}
    extract = extract_of_the_day(systems, tmp_path / "a")
    assert extract.row_counts["meter_interval_records"] == 2
    asked = events_of(function)[1]["files"]
    assert [one["name"] for one in asked] == ["later.csv.gz"]  # type: ignore[attr-defined]
    assert extract_of_the_day(systems, tmp_path / "b").row_counts == extract.row_counts
    land(s3, "later.csv.gz", gzip.compress(TEXT.replace(b"0.5", b"0.8")))
    rows = tables_of(extract_of_the_day(systems, tmp_path / "c"))["meter_interval_records"]
    assert {row["values_text"][:3] for row in rows} == {"0.5", "0.8"}
    assert len(function.events) == 3


def test_files_read_by_the_function_are_archived_as_delivered(
    function: Service, s3: Any, systems: Systems, tmp_path: Path
) -> None:
    land(s3)
    extract_of_the_day(systems, tmp_path)
    kept = s3.list_objects_v2(Bucket="landing", Prefix="kept/")["Contents"]
    assert [s3.get_object(Bucket="landing", Key=one["Key"])["Body"].read() for one in kept] == [TEXT]


def through_eventbridge(key: str, kind: str = "Object Created") -> dict[str, Any]:
    """S3's event as EventBridge brings it: the key is not quoted."""
    return {
        "version": "0", "source": "aws.s3", "detail-type": kind, "region": "ap-southeast-2",
        "detail": {"bucket": {"name": "landing"}, "object": {"key": key, "etag": "x", "version-id": "1"}},
    }  # fmt: skip


def through_topic(event: dict[str, Any]) -> dict[str, Any]:
    """An event as SNS brings it to a function."""
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(event)}}]}


def through_queue(*events: dict[str, Any]) -> dict[str, Any]:
    """Events as SQS brings them to a function."""
    bodies = [json.dumps(event) for event in events]
    return {"Records": [{"eventSource": "aws:sqs", "messageId": str(n), "body": body} for n, body in enumerate(bodies)]}


ODD_NAME: Final = "a+b & 100% ümlaut (1).csv"


def quoted(name: str) -> str:
    """A key as S3's notifications quote it."""
    from urllib.parse import quote_plus

    return quote_plus(name, safe="/")


@pytest.mark.parametrize(
    "event",
    [
        notified(quoted(KEYS + ODD_NAME), event="ObjectCreated:CompleteMultipartUpload"),
        through_eventbridge(KEYS + ODD_NAME),
        through_topic(notified(quoted(KEYS + ODD_NAME))),
        through_queue(notified(quoted(KEYS + ODD_NAME))),
        through_queue(through_eventbridge(KEYS + ODD_NAME)),
        through_queue({"Type": "Notification", "Message": json.dumps(notified(quoted(KEYS + ODD_NAME)))}),
    ],
    ids=["direct", "eventbridge", "topic", "queue", "eventbridge and queue", "topic and queue"],
)
def test_object_is_read_once_whatever_brings_its_event(
    function: Service, s3: Any, aws: Proxy, systems: Systems, event: dict[str, Any]
) -> None:
    land(s3, ODD_NAME)
    for _ in range(2):
        assert call(function, event) in (
            {"batchItemFailures": []},
            {"files": 1, "quarantined": 0, "accepted_records": 4, "rejected_records": 0},
        )
    assert len(aws.asked("GET", "r/nem12/")) == 1
    function.events.clear()
    assert extract_of_the_day(systems, systems.staging_folder("x")).row_counts["meter_interval_records"] == 1
    assert function.events == []


@pytest.mark.parametrize(
    "event",
    [
        through_eventbridge(KEYS + "a.csv", "Object Deleted"),
        through_eventbridge(KEYS + "gone.csv"),
        notified(KEYS + "a.csv", event="ObjectRemoved:DeleteMarkerCreated"),
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "landing"},
        through_topic({"Event": "s3:TestEvent"}),
    ],
)
def test_event_of_no_new_object_reads_nothing(function: Service, s3: Any, aws: Proxy, event: dict[str, Any]) -> None:
    land(s3)
    assert call(function, event)["files"] == 0
    assert aws.asked("GET", "r/nem12/") == []


@pytest.mark.parametrize("event", [{}, {"Records": [{"x": 1}]}, {"detail-type": "Object Created"}, {"Message": "{"}])
def test_event_that_nobody_understands_fails_and_is_not_passed_over(
    function: Service, s3: Any, event: dict[str, Any]
) -> None:
    answer = open_client("lambda").invoke(FunctionName="extract", Payload=json.dumps(event))
    assert answer["FunctionError"]
    assert "tells of no object in a known way" in answer["Payload"].read().decode()
    told = call(function, through_queue(event, {"Event": "s3:TestEvent"}))
    assert told == {"batchItemFailures": [{"itemIdentifier": "0"}]}


def test_versions_of_an_object_are_read_once_each_and_a_delete_marker_hides_them(
    function: Service, s3: Any, aws: Proxy, systems: Systems, tmp_path: Path
) -> None:
    s3.put_bucket_versioning(Bucket="landing", VersioningConfiguration={"Status": "Enabled"})
    event = notified(KEYS + "a.csv")
    for content in (TEXT, TEXT.replace(b"0.5", b"0.6"), TEXT.replace(b"0.5", b"0.6")):
        land(s3, "a.csv", content)
        assert call(function, event)["files"] == 1
    assert len(aws.asked("GET", "r/nem12/")) == 2
    rows = tables_of(extract_of_the_day(systems, tmp_path / "a"))["meter_interval_records"]
    assert {row["values_text"][:3] for row in rows} == {"0.6"}
    s3.delete_object(Bucket="landing", Key=KEYS + "a.csv")
    assert call(function, event)["files"] == 0
    assert extract_of_the_day(systems, tmp_path / "b").row_counts["meter_interval_records"] == 0


def test_event_tells_of_what_is_no_delivery_or_gone_and_nothing_is_read(function: Service, s3: Any) -> None:
    land(s3)
    land(s3, "folder/", b"")
    for event in (
        notified("r/other.csv", KEYS + "gone.csv", KEYS + "folder/", "r/nem12/billing_day=yesterday/a.csv"),
        notified(KEYS + "a.csv", event="ObjectRemoved:Delete"),
    ):
        assert call(function, event)["files"] == 0
    assert call(function, {"Records": []})["files"] == 0


def test_queue_gives_back_only_the_messages_that_failed(function: Service, s3: Any, aws: Proxy) -> None:
    land(s3, "good.csv")
    land(s3, "refused.csv")
    aws.fail("GET", r"refused\.csv", status=403, code="AccessDenied")
    bodies = [notified(KEYS + "good.csv"), notified(KEYS + "refused.csv"), {"Event": "s3:TestEvent"}]
    messages = through_queue(*bodies)["Records"]
    broken = {"eventSource": "aws:sqs", "messageId": "3", "body": "no json"}
    assert call(function, {"Records": [*messages, broken]}) == {
        "batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": "3"}]
    }
    again = call(function, {"Records": [messages[1]]})
    assert again == {"batchItemFailures": []}


def test_function_reports_through_pipes_in_a_warm_process_too(
    function: Service, s3: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    land(s3)
    file = open_landing("s3://landing/r").list_files(DAY)[0]
    event = {
        "billing_day": str(DAY),
        "files": [{"name": file.name, "byte_count": file.byte_count, "stamp": file.stamp}],
    }
    client = open_client("lambda")
    for _ in range(3):
        in_a_step(lambda: invoke(client, "extract", event))
    assert capfd.readouterr().err.count('extract: {"files": 1, "quarantined": 0, "accepted_records": 4') == 3


def failure(work: Any) -> LoaderError:
    with pytest.raises(LoaderError) as caught:
        in_a_step(work)
    return caught.value


def test_failures_of_the_function_say_what_why_and_what_to_do(
    function: Service, s3: Any, aws: Proxy, systems: Systems, tmp_path: Path
) -> None:
    land(s3)
    read = function_reader(systems.settings)
    assert read
    landing = open_landing("s3://landing/r")
    files = landing.list_files(DAY)

    aws.fail("GET", "r/nem12.*a.csv", status=403, code="AccessDenied")
    refused = failure(lambda: read(landing, DAY, tmp_path, files))
    assert isinstance(refused, PermanentError)
    assert "Calling the Lambda function extract" in str(refused)
    assert "may not do this" in str(refused)

    aws.fail("GET", "r/nem12.*a.csv", status=503, code="SlowDown", times=99)
    assert isinstance(failure(lambda: invoke(open_client("lambda"), "extract", {})), PermanentError)
    missing = failure(lambda: invoke(open_client("lambda"), "missing", {}))
    assert "AWS has nothing of that name" in str(missing)
    aws.faults.clear()

    function.throttles = 2
    done: list[FilesRead] = []
    in_a_step(lambda: done.extend(read(landing, DAY, tmp_path / "done", files)))
    assert done[0].row_counts["meter_interval_records"] == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"BILLSYNC_LANDING": "s3://landing/other"}, "same BILLSYNC_LANDING for the function and for the runs"),
        ({"BILLSYNC_EXTRACT_OUTPUT": "s3://landing/r"}, "another prefix than BILLSYNC_LANDING"),
        ({"BILLSYNC_EXTRACT_OUTPUT": "s3://landing/r/nem12/x"}, "another prefix than BILLSYNC_LANDING"),
        ({"BILLSYNC_ARCHIVE": ""}, "the same BILLSYNC_EXTRACT_OUTPUT and _ARCHIVE"),
    ],
)
def test_settings_of_runs_and_function_that_do_not_fit_are_found_out(
    function: Service, s3: Any, tmp_path: Path, changes: dict[str, str], words: str
) -> None:
    land(s3)
    s3.put_object(Bucket="landing", Key=KEYS.replace("r/", "other/") + "a.csv", Body=TEXT)
    systems = Systems({**SETTINGS_OF_RUNS, "BILLSYNC_HOME": str(tmp_path), **changes})
    with pytest.raises(PermanentError, match=words):
        extract_of_the_day(systems, tmp_path / "a")


def test_files_in_a_folder_cannot_be_read_by_the_function(function: Service, tmp_path: Path) -> None:
    folder = tmp_path / "landing"
    (folder / "nem12").mkdir(parents=True)
    systems = Systems({**SETTINGS_OF_RUNS, "BILLSYNC_HOME": str(tmp_path), "BILLSYNC_LANDING": str(folder)})
    with pytest.raises(PermanentError, match="Set BILLSYNC_EXTRACT=local"):
        extract_of_the_day(systems, tmp_path / "a")


def test_function_of_another_code_is_found_out(
    function: Service, s3: Any, systems: Systems, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(s3)
    monkeypatch.setattr("loaders.aws.extracted_files.code_version", lambda: "another")
    with pytest.raises(PermanentError, match="Deploy the function from the code that runs here"):
        extract_of_the_day(systems, tmp_path)


def test_parquet_that_is_not_what_its_manifest_says_is_refused(
    function: Service, s3: Any, systems: Systems, tmp_path: Path
) -> None:
    land(s3)
    extract_of_the_day(systems, tmp_path / "a")
    keys = [one["Key"] for one in s3.list_objects_v2(Bucket="landing", Prefix="extracted/")["Contents"]]
    key = next(one for one in keys if "interval_records" in one)
    s3.put_object(Bucket="landing", Key=key, Body=b"other")
    with pytest.raises(PermanentError, match="not what its manifest says"):
        extract_of_the_day(systems, tmp_path / "b")
    s3.delete_object(Bucket="landing", Key=key)
    with pytest.raises(PermanentError, match="it is gone"):
        extract_of_the_day(systems, tmp_path / "c")


def test_rows_whose_download_is_cut_or_throttled_are_fetched_again(
    function: Service, s3: Any, aws: Proxy, systems: Systems, tmp_path: Path
) -> None:
    land(s3)
    before = tables_of(extract_of_the_day(systems, tmp_path / "a"))
    aws.fail("GET", "extracted/.*interval_records", cut_after=100)
    aws.fail("GET", "extracted/.*meter_files", status=503, code="SlowDown", times=2)
    assert tables_of(extract_of_the_day(systems, tmp_path / "b")) == before


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b'{"errorType":"TransientError","errorMessage":"x"}', TransientError),
        (b'{"errorMessage":"2026-03-05 Task timed out after 900.00 seconds"}', TransientError),
        (b'{"errorType":"Runtime.ExitError","errorMessage":"signal: killed"}', TransientError),
        (b'{"errorType":"PermanentError","errorMessage":"x"}', PermanentError),
        (b"<html>", PermanentError),
    ],
)
def test_failure_of_a_call_is_passing_or_lasting_by_what_lambda_says(payload: bytes, kind: type[LoaderError]) -> None:
    from orchestration.lambda_extract import failure_of

    assert type(failure_of("Calling", payload)) is kind
