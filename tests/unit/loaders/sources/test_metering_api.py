"""The metering API: paging, signs, qualities, counts, and that a token goes to nobody else."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from loaders.errors import PermanentError, TransientError
from loaders.http import HttpPolicy, HttpSession
from loaders.sources.exact_json import MalformedError
from loaders.sources.metering_api import UsageQuery, extract_metering_api
from loaders.warehouse import open_warehouse
from tests.unit.loaders.loopback import Loopback, Request, json_server

DAY = date(2026, 3, 5)
SESSION = HttpSession(HttpPolicy(max_attempts=1), headers={"Authorization": "Bearer s3cret"})
Tables = dict[str, list[dict[str, Any]]]


def read(nmi: str = "4103000011", suffix: str = "E1", **interval: Any) -> dict[str, Any]:
    return {
        "servicePointId": nmi,
        "registerId": "1",
        "registerSuffix": suffix,
        "meterId": "MTR001",
        "readStartDate": "2026-03-04",
        "unitOfMeasure": "KWH",
        "readUType": "intervalRead",
        "intervalRead": {"readIntervalLength": 30, "aggregateValue": 24, "intervalReads": [0.5] * 48, **interval},
    }


def usage(*reads: dict[str, Any], following: str | None = None) -> dict[str, Any]:
    return {
        "data": {"reads": list(reads)},
        "links": {"self": "x", **({"next": following} if following else {})},
        "meta": {},
    }


def run(server: Loopback, folder: Path, *nmis: str, **query: Any) -> tuple[Tables, Any]:
    asked = UsageQuery(server.base_url, date(2026, 3, 1), DAY, **query)
    extract = extract_metering_api(SESSION, asked, nmis or ("4103000011",), DAY, folder)
    tables = {w.table: [row for file in w.files for row in pq.read_table(file).to_pylist()] for w in extract.writes}
    return tables, extract


def read_one(folder: Path, answer: dict[str, Any]) -> Tables:
    with json_server(lambda request: (200, usage(answer))) as server:
        return run(server, folder)[0]


def test_day_of_intervals_becomes_an_interval_record(tmp_path: Path) -> None:
    values = [f"0.{n:03d}" for n in range(1, 49)]
    body = (200, b'{"data":{"reads":[' + _body(read(), values) + b']},"links":{}}')
    with json_server(lambda request: body) as server:
        tables, _ = run(server, tmp_path)
    (row,) = tables["meter_interval_records"]
    assert row["values_text"] == ",".join(values)
    assert (row["source"], row["file_name"], row["line_number"]) == ("API", "metering_api/4103000011", 1)
    assert (row["nmi"], row["nmi_suffix"], row["unit"], row["interval_length_minutes"], row["interval_date"]) == (
        "4103000011",
        "E1",
        "kWh",
        30,
        "20260304",
    )
    assert (row["meter_serial_number"], row["quality_method"], row["value_count"], row["update_text"]) == (
        "MTR001",
        "A",
        48,
        None,
    )
    (file,) = tables["meter_files"]
    assert (
        file["source"],
        file["status"],
        file["record_count"],
        file["accepted_record_count"],
        file["has_header"],
        file["has_end"],
    ) == ("API", "ACCEPTED", 1, 1, 1, 1)
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/cds-au/v1/energy/electricity/servicepoints/usage")
    assert (request.query["oldest-date"], request.query["newest-date"], request.query["interval-reads"]) == (
        "2026-03-01",
        "2026-03-05",
        "FULL",
    )
    assert request.body["data"]["servicePointIds"] == ["4103000011"]
    assert (request.headers["x-v"], request.headers["authorization"]) == ("1", "Bearer s3cret")


def _body(answer: dict[str, Any], values: list[str]) -> bytes:
    """Write numbers as an API might, digits and all, past Python's floats."""
    import json

    text = json.dumps({**answer, "intervalRead": {**answer["intervalRead"], "intervalReads": "@"}})
    return text.replace('"@"', "[" + ",".join(values) + "]").encode()


def test_pages_are_followed_and_put_together(tmp_path: Path) -> None:
    def respond(request: Request) -> tuple[int, Any]:
        page = int(request.query["page"])
        following = f"{server.base_url}/energy/electricity/servicepoints/usage?page={page + 1}" if page < 3 else None
        return 200, usage({**read(), "readStartDate": f"2026-03-0{page}"}, following=following)

    with json_server(respond) as server:
        tables, extract = run(server, tmp_path)
    assert [row["interval_date"] for row in tables["meter_interval_records"]] == ["20260301", "20260302", "20260303"]
    assert [row["line_number"] for row in tables["meter_interval_records"]] == [1, 2, 3]
    assert extract.detail["requests"] == 3
    assert all(request.body["data"]["servicePointIds"] == ["4103000011"] for request in server.requests)


def test_link_to_another_host_is_not_followed(tmp_path: Path) -> None:
    with json_server(lambda request: (200, usage())) as thief:
        answer = usage(read(), following=f"{thief.base_url}/energy/electricity/servicepoints/usage?page=2")
        with (
            json_server(lambda request: (200, answer)) as server,
            pytest.raises(PermanentError, match="another address"),
        ):
            run(server, tmp_path)
    assert thief.requests == []


def test_links_that_lead_in_a_circle_end(tmp_path: Path) -> None:
    def respond(request: Request) -> tuple[int, Any]:
        return 200, usage(read(), following=f"{server.base_url}/energy/electricity/servicepoints/usage?page=2")

    with json_server(respond) as server, pytest.raises(PermanentError, match="do not end"):
        run(server, tmp_path)


def test_service_points_are_asked_for_in_batches(tmp_path: Path) -> None:
    nmis = [f"41030{n:05d}" for n in range(250)]
    with json_server(
        lambda request: (200, usage(*(read(nmi) for nmi in request.body["data"]["servicePointIds"])))
    ) as server:
        tables, _ = run(server, tmp_path, *nmis)
    assert [len(request.body["data"]["servicePointIds"]) for request in server.requests] == [100, 100, 50]
    assert {row["nmi"] for row in tables["meter_interval_records"]} == set(nmis)


def test_service_point_the_api_does_not_know_is_found_and_named(tmp_path: Path) -> None:
    def respond(request: Request) -> tuple[int, Any]:
        ids = request.body["data"]["servicePointIds"]
        return (422, {"errors": []}) if "UNKNOWN" in ids else (200, usage(*(read(nmi) for nmi in ids)))

    with json_server(respond) as server:
        tables, extract = run(server, tmp_path, "A", "B", "UNKNOWN", "Z")
    assert {row["nmi"] for row in tables["meter_interval_records"]} == {"A", "B", "Z"}
    assert extract.detail["unknown_service_points"] == ["UNKNOWN"]
    assert [(row["nmi"], row["reason_code"]) for row in tables["rejected_records"]] == [
        ("UNKNOWN", "SERVICE_POINT_UNKNOWN")
    ]


def test_api_that_knows_no_service_point_fails_the_source(tmp_path: Path) -> None:
    with json_server(lambda request: (404, {})) as server, pytest.raises(PermanentError, match="none of the 3"):
        run(server, tmp_path, "A", "B", "C")


def test_service_point_without_usage_has_a_file_without_records(tmp_path: Path) -> None:
    with json_server(lambda request: (200, usage())) as server:
        tables, _ = run(server, tmp_path)
    assert [(row["file_name"], row["record_count"]) for row in tables["meter_files"]] == [
        ("metering_api/4103000011", 0)
    ]


@pytest.mark.parametrize(
    ("suffix", "given", "stored"),
    [
        ("B1", [-0.5, 0, 1.25], "0.5,0,-1.25"),
        ("B1", [-0.0, None, -2], "0.0,,2"),
        ("E1", [0.5, 0, -1.25], "0.5,0,-1.25"),
    ],
    ids=["export", "export zero and null", "import"],
)
def test_sign_of_exported_energy_is_flipped(
    tmp_path: Path, suffix: str, given: list[float | None], stored: str
) -> None:
    tables = read_one(tmp_path, read(suffix=suffix, intervalReads=given + [0] * 45))
    assert tables["meter_interval_records"][0]["values_text"] == stored + ",0" * 45


def test_exponent_of_a_json_number_is_written_out(tmp_path: Path) -> None:
    tables = read_one(tmp_path, read(intervalReads=[1e-05] + [2] * 47))
    assert tables["meter_interval_records"][0]["values_text"].startswith("0.00001,2,")


def quality(start: int, end: int, flag: str) -> dict[str, Any]:
    return {"startInterval": start, "endInterval": end, "quality": flag}


@pytest.mark.parametrize(
    ("ranges", "flag", "events"),
    [
        ([], "A", []),
        ([quality(1, 48, "SUBSTITUTE")], "S", []),
        ([quality(1, 48, "FINAL_SUBSTITUTE")], "F", []),
        ([quality(5, 10, "SUBSTITUTE")], "V", [("1", "4", "A"), ("5", "10", "S"), ("11", "48", "A")]),
        (
            [quality(40, 48, "FINAL_SUBSTITUTE"), quality(1, 2, "SUBSTITUTE")],
            "V",
            [("1", "2", "S"), ("3", "39", "A"), ("40", "48", "F")],
        ),
    ],
    ids=["all actual", "all substituted", "all final", "inside", "both ends"],
)
def test_quality_ranges_become_flags_that_cover_the_day(
    tmp_path: Path, ranges: list[dict[str, Any]], flag: str, events: list[tuple[str, str, str]]
) -> None:
    tables = read_one(tmp_path, read(readQualities=ranges))
    (row,) = tables["meter_interval_records"]
    assert row["quality_method"] == flag
    found = tables["meter_interval_events"]
    assert [(e["start_interval"], e["end_interval"], e["quality_method"]) for e in found] == events
    assert {e["parent_line_number"] for e in found} <= {row["line_number"]}
    assert [e["line_number"] for e in found] == list(range(2, 2 + len(events)))
    assert tables["meter_files"][0]["record_count"] == 1 + len(events)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (read(intervalReads=[1] * 47), "WRONG_VALUE_COUNT"),
        (read(intervalReads=[1] * 48, readIntervalLength=5), "WRONG_VALUE_COUNT"),
        (read(readIntervalLength=7), "INTERVAL_LENGTH_INVALID"),
        (read(intervalReads=["much"] + [1] * 47), "VALUE_NOT_NUMERIC"),
        (read(intervalReads=[12345678901] + [1] * 47), "VALUE_OUT_OF_RANGE"),
        (read(intervalReads="many"), "READ_MALFORMED"),
        (read(readQualities=[quality(1, 2, "SUBSTITUTE") | {"startInterval": "x"}]), "READ_MALFORMED"),
        (read(suffix=""), "NMI_SUFFIX_MISSING"),
        (read(suffix="E" * 21), "NMI_SUFFIX_TOO_LONG"),
        ({**read(), "readStartDate": "soon"}, "INTERVAL_DATE_INVALID"),
        ({**read(), "readEndDate": "2026-03-05"}, "WRONG_VALUE_COUNT"),
        ({**read(), "readUType": "photo"}, "READ_EMPTY"),
    ],
)
def test_read_that_cannot_be_kept_is_rejected_by_itself(tmp_path: Path, answer: dict[str, Any], code: str) -> None:
    with json_server(lambda request: (200, usage(answer, read(suffix="E2")))) as server:
        tables, _ = run(server, tmp_path)
    assert [row["reason_code"] for row in tables["rejected_records"]] == [code]
    assert [row["nmi_suffix"] for row in tables["meter_interval_records"]] == ["E2"]
    (file,) = tables["meter_files"]
    assert (file["record_count"], file["accepted_record_count"], file["rejected_record_count"]) == (2, 1, 1)


def test_basic_read_becomes_an_accumulation_record(tmp_path: Path) -> None:
    answer = {
        "servicePointId": "4103000011",
        "registerSuffix": "E1",
        "readStartDate": "2026-02-05",
        "readEndDate": "2026-03-04",
        "unitOfMeasure": "KWH",
        "readUType": "basicRead",
        "basicRead": {"quality": "SUBSTITUTE", "value": 123.45},
    }
    (row,) = read_one(tmp_path, answer)["meter_accumulation_records"]
    assert (row["quantity"], row["unit"], row["current_quality_method"], row["nmi_suffix"]) == (
        "123.45",
        "kWh",
        "S",
        "E1",
    )
    # Both days are included, and a read stands for the end of its day.
    assert (row["previous_read_text"][:8], row["current_read_text"][:8]) == ("20260204", "20260304")


def test_answer_that_is_no_usage_fails_the_source(tmp_path: Path) -> None:
    with (
        json_server(lambda request: (200, b"<html>Log on</html>")) as server,
        pytest.raises(MalformedError, match="Log on"),
    ):
        run(server, tmp_path)


def test_api_that_is_down_fails_the_source(tmp_path: Path) -> None:
    with json_server(lambda request: (503, {})) as server, pytest.raises(TransientError):
        run(server, tmp_path)


def test_second_extract_of_a_day_replaces_the_api_rows_and_leaves_those_of_files(tmp_path: Path) -> None:
    warehouse = open_warehouse("duckdb", duckdb_path=tmp_path / "w.duckdb")
    warehouse.ensure_raw_schema()
    with json_server(lambda request: (200, usage(read()))) as server:
        _, first = run(server, tmp_path / "a")
        _, second = run(server, tmp_path / "b")
    warehouse.replace(first.writes)
    warehouse.replace(second.writes)
    assert warehouse.fetch("select source, count(*) as n from raw.meter_interval_records group by source") == [
        {"source": "API", "n": 1}
    ]
