"""OData V2 values: dates, decimals, errors in every shape that SAP writes."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest

from loaders.sap_isu.odata_formats import (
    FormatError,
    SapError,
    edm_datetime,
    parse_edm_date,
    parse_edm_decimal,
    parse_entity,
    parse_error,
    parse_sap_message,
    results_of,
    text_literal,
)


def error_body(details: object, code: str = "EL/106") -> bytes:
    message = {"lang": "en", "value": "Deviation above the limit"}
    return json.dumps({"error": {"code": code, "message": message, "innererror": {"errordetails": details}}}).encode()


def test_edm_datetime_of_a_day_is_its_own_midnight_without_a_zone() -> None:
    assert edm_datetime(date(2026, 3, 5)) == "/Date(1772668800000)/"
    assert parse_edm_date(edm_datetime(date(2026, 3, 5))) == date(2026, 3, 5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/Date(1772755199000)/", date(2026, 3, 5)),
        ("/Date(1772668800000+0600)/", date(2026, 3, 5)),
        ("2026-03-05T23:59:59", date(2026, 3, 5)),
        ("2026-03-05T00:00:00Z", date(2026, 3, 5)),
        ("/Date(253402214400000)/", None),
        ("", None),
        (None, None),
    ],
)
def test_parse_edm_date_drops_the_zone_and_reads_last_day_as_none(text: object, expected: date | None) -> None:
    assert parse_edm_date(text) == expected


@pytest.mark.parametrize("text", ["yesterday", "/Date(99999999999999999)/", "/Date(999999999999999)/", 5, {"a": 1}])
def test_parse_edm_date_of_anything_else_is_an_error(text: object) -> None:
    with pytest.raises(FormatError):
        parse_edm_date(text)


def test_parse_edm_decimal_keeps_every_place() -> None:
    assert str(parse_edm_decimal("152.00000000000001")) == "152.00000000000001"
    assert parse_edm_decimal(Decimal("1.5")) == Decimal("1.5")


@pytest.mark.parametrize("text", ["", "NaN", "1e999999999", "Infinity", 1.5, True, None, [], "9" * 100])
def test_parse_edm_decimal_of_anything_else_is_an_error(text: object) -> None:
    with pytest.raises(FormatError):
        parse_edm_decimal(text)


@pytest.mark.parametrize(
    "details",
    [
        [{"code": "/IWBEP/CX_MGW_BUSI_EXCEPTION", "message": "An exception was raised", "severity": "error"},
         {"code": "EL/106", "message": "Deviation", "severity": "error"}],
        {"errordetail": [{"code": "EL/106", "message": "Deviation", "severity": "error"}]},
        [{"code": "EL/850", "message": "saved", "severity": "info"},
         {"code": "EL/106", "message": "Deviation", "severity": "error"}],
    ],
)  # fmt: skip
def test_parse_error_gives_the_first_business_error(details: object) -> None:
    assert parse_error(error_body(details, "/IWBEP/CM_MGW_RT/022")) == SapError("EL/106", "Deviation")


def test_parse_error_without_details_gives_the_outer_one() -> None:
    assert parse_error(error_body([])) == SapError("EL/106", "Deviation above the limit")


def test_parse_error_in_xml_gives_code_and_message() -> None:
    body = b"""<?xml version="1.0"?><error xmlns="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">
      <code>EL/903</code><message xml:lang="en">Result exists &amp; stays</message></error>"""
    assert parse_error(body) == SapError("EL/903", "Result exists & stays")


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"[]", b"null", b'{"error": 5}', b'{"error": {"message": []}}', b"[" * 100_000,
     b"<code>" * 50_000, b"<" * 200_000],
)  # fmt: skip
def test_parse_error_of_any_bytes_never_fails_and_stays_short(body: bytes) -> None:
    assert len(str(parse_error(body))) < 1100


def test_parse_sap_message_joins_the_first_with_its_details() -> None:
    header = json.dumps({"code": "EL/106", "message": "high", "details": [{"code": "EL/676", "message": "over"}]})
    assert parse_sap_message(header) == "EL/106: high; EL/676: over"
    assert parse_sap_message("plain words") == "plain words"
    assert parse_sap_message(None) == ""


def test_text_literal_with_quote_and_slash_cannot_leave_its_place() -> None:
    assert text_literal("a'b/c?d") == "'a%27%27b%2Fc%3Fd'"


@pytest.mark.parametrize("body", [b"", b"{}", b'{"d": 5}', b"<html>", b'{"d": ' + b"[" * 100_000])
def test_parse_entity_of_anything_else_is_an_error(body: bytes) -> None:
    with pytest.raises(FormatError):
        parse_entity(body)


def test_results_of_takes_both_shapes_of_a_feed() -> None:
    assert results_of([{"a": 1}]) == results_of({"results": [{"a": 1}]}) == [{"a": 1}]
    with pytest.raises(FormatError):
        results_of({"results": [1]})
