"""Readings as entities and entities as readings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import pytest

from loaders.errors import PermanentError, TransientError
from loaders.sap_isu.batch import ChangesetReply, Part
from loaders.sap_isu.odata_transport import ODataTransport, deep_insert, match_readings, outcome_of
from loaders.sap_isu.readings import ReadingError, ReadingId, SentReading, reading_from_row
from loaders.sap_isu.transport import OutcomeKind

DAY = date(2026, 3, 5)
DEVICE = "000000000000000007"


def sent(register: str = "001", value: str = "152.500") -> SentReading:
    return SentReading(ReadingId(DEVICE, register, DAY, "01"), "01", Decimal(value), "KWH")


def shown(register: str = "001", **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "MeterReadingResultID": "R1",
        "DeviceID": DEVICE,
        "RegisterID": register,
        "ReadingResult": "152.50000000000000",
        "ReadingDateTime": "/Date(1772668800000)/",
        "MeterReadingReasonID": "01",
        "MeterReadingStatusID": "1",
        "MultipleMeterReadingReasonsFlag": False,
    }
    return {**row, **changes}


def created(device: str = DEVICE) -> ChangesetReply:
    children = {"results": [shown("002", MeterReadingResultID="R2")]}
    body = {"d": {**shown(DeviceID=device), "DependentMeterReadingResults": children}}
    return ChangesetReply((Part(201, {}, json.dumps(body).encode()),))


class FakeClient:
    """Answers writes with what it was given."""

    def __init__(self, answer: Exception | list[object]) -> None:
        self.answer = answer

    def write_many(self, creates: Sequence[tuple[str, str]]) -> list[object]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_deep_insert_puts_first_register_on_top_with_reason_and_category_on_every_row() -> None:
    entity = deep_insert((sent("001"), sent("002", "7")))
    (child,) = entity["DependentMeterReadingResults"]  # type: ignore[misc]
    for row, register, value in ((entity, "001", "152.5"), (child, "002", "7")):
        assert row["RegisterID"] == register
        assert row["ReadingResult"] == value
        assert row["MeterReadingReasonID"] == "01"
        assert row["MeterReadingCategoryID"] == "01"
        assert row["ReadingDateTime"] == "/Date(1772668800000)/"


def test_deep_insert_of_one_register_has_no_children() -> None:
    assert "DependentMeterReadingResults" not in deep_insert((sent(),))


def test_outcome_of_created_device_has_the_documents() -> None:
    outcome = outcome_of((sent("001"), sent("002")), created())
    assert outcome.kind == OutcomeKind.ACCEPTED
    assert outcome.document_ids == {sent("001").id: "R1", sent("002").id: "R2"}


def test_outcome_of_answer_about_another_device_is_unknown() -> None:
    assert outcome_of((sent(),), created("99")).kind == OutcomeKind.UNKNOWN


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, OutcomeKind.REFUSED), (404, OutcomeKind.REFUSED), (429, OutcomeKind.UNKNOWN), (500, OutcomeKind.REFUSED),
     (503, OutcomeKind.UNKNOWN)],
)  # fmt: skip
def test_outcome_of_error_part_depends_on_its_status(status: int, kind: OutcomeKind) -> None:
    body = b'{"error":{"code":"EL/903","message":{"value":"exists"}}}'
    outcome = outcome_of((sent(),), Part(status, {}, body))
    assert outcome.kind == kind
    assert "EL/903: exists" in outcome.message


@pytest.mark.parametrize("code", ["", "SYSTEM_FAILURE", "/IWFND/CM_MGW_RT/020"])
def test_outcome_of_broken_server_without_words_of_the_application_is_unknown(code: str) -> None:
    body = json.dumps({"error": {"code": code, "message": {"value": "internal error"}}}).encode()
    assert outcome_of((sent(),), Part(500, {}, body)).kind == OutcomeKind.UNKNOWN


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TransientError("a", "b", outcome_unknown=True), OutcomeKind.UNKNOWN),
        (TransientError("a", "b", status=429), OutcomeKind.NOT_TAKEN),
        (PermanentError("a", "b", "c", status=500), OutcomeKind.UNKNOWN),
        (PermanentError("a", "the answer is larger than", "c", status=202), OutcomeKind.UNKNOWN),
    ],
)
def test_send_failed_request_gives_one_outcome_per_device(error: Exception, kind: OutcomeKind) -> None:
    outcomes = ODataTransport(FakeClient(error)).send([(sent(),), (sent("002"),)])  # type: ignore[arg-type]
    assert [outcome.kind for outcome in outcomes] == [kind, kind]


@pytest.mark.parametrize("status", [None, 301, 400, 401, 404])
def test_send_request_that_was_turned_away_as_a_whole_is_raised(status: int | None) -> None:
    transport = ODataTransport(FakeClient(PermanentError("a", "b", "c", status=status)))  # type: ignore[arg-type]
    with pytest.raises(PermanentError):
        transport.send([(sent(),)])


def test_match_readings_finds_by_register_day_and_reason_whatever_the_padding() -> None:
    rows = [
        shown(ReadingDateTime="/Date(1772582400000)/", MeterReadingResultID="earlier"),
        shown(MeterReadingReasonID="09", MeterReadingResultID="other reason"),
        shown("1", DeviceID="7", MeterReadingResultID="ours"),
        shown("002", ReadingResult=None),
    ]
    found = match_readings([sent("001").id, sent("002").id], rows)
    assert {key.register_id: one.document_id for key, one in found.items()} == {"001": "ours"}


def test_match_readings_document_with_several_reasons_counts_as_ours() -> None:
    rows = [shown(MeterReadingReasonID="02", MultipleMeterReadingReasonsFlag=True)]
    assert sent().id in match_readings([sent().id], rows)


@pytest.mark.parametrize(
    "change",
    [{"reading_result": "-1"}, {"reading_result": "1e999999"}, {"reading_result": None}, {"reading_result": 1.5},
     {"device_id": ""}, {"device_id": "1" * 19}, {"reading_date": "soon"}, {"meter_reading_reason": "001"},
     {"reading_result": "1.123456789012345"}],
)  # fmt: skip
def test_reading_from_row_that_is_no_reading_is_refused_by_name(change: dict[str, object]) -> None:
    row: dict[str, object] = {
        "device_id": DEVICE, "register_id": "001", "meter_reading_reason": "01", "meter_reading_category": "01",
        "reading_date": DAY, "billing_day": DAY, "reading_result": Decimal("5"), "unrounded_reading": "5.2",
    }  # fmt: skip
    assert reading_from_row(row).unrounded_reading == Decimal("5.2")
    with pytest.raises(ReadingError, match=next(iter(change))):
        reading_from_row({**row, **change})
