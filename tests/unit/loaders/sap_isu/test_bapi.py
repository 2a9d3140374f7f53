"""The BAPI road against a fake connection written from the contract: fields, lengths, paddings, RETURN."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from loaders import fence
from loaders.errors import PermanentError, TransientError
from loaders.sap_isu.bapi import BapiTransport, getlist_parameters, match_document, rfc_connection, upload_row
from loaders.sap_isu.readings import ReadingId, SentReading
from loaders.sap_isu.transport import OutcomeKind

DAY = date(2026, 3, 5)
ONE = SentReading(ReadingId("4711", "1", DAY, "01"), "01", Decimal("152.50"), "KWH", order_id="815", nmi="4103000001")
TWO = SentReading(ReadingId("4711", "002", DAY, "01"), "01", Decimal("7"), "KWH")


class CommunicationError(Exception):
    """As RFC clients name a cut connection."""


class LogonError(Exception):
    """As RFC clients name a refused logon."""


@dataclass
class FakeConnection:
    """Answers as scripted and keeps what it was asked."""

    answers: list[Mapping[str, Any] | Exception]
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def call(self, func_name: str, **parameters: Any) -> Mapping[str, Any]:
        self.calls.append((func_name, parameters))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def bapi(connect: Any, **more: Any) -> BapiTransport:
    return BapiTransport(connect, serial_numbers=lambda ids: {one: f"9{one}" for one in ids if one != "NONE"}, **more)


def document(**more: str) -> dict[str, str]:
    return {
        "MRIDNUMBER": "00000000000000000815", "REGISTER": "001", "MRDATEFORBILLING": "20260305",
        "READINGRESULT": "152.5", "MRSTAT": "1", **more,
    }  # fmt: skip


def test_upload_row_has_saps_lengths_and_paddings() -> None:
    assert upload_row(ONE, "80815") == {
        "SERIALNO": "000000000000080815",
        "REGISTER": "001",
        "MRREASON": "01",
        "MRIDNUMBER": "00000000000000000815",
        "READINGRESULT": "152.5",
        "ACTUALCUSTOMERMRTYPE": "01",
        "MRDATEFORBILLING": "20260305",
        "ACTUALMRDATE": "20260305",
        "TARGETMRDATE": "20260305",
        "EXT_UI": "4103000001",
    }


def test_upload_row_with_a_serial_number_of_letters_is_not_padded() -> None:
    row = upload_row(TWO, "SN-1")
    assert (row["SERIALNO"], row["MRIDNUMBER"]) == ("SN-1", "")


def test_upload_row_without_serial_number_needs_an_order() -> None:
    assert upload_row(ONE, None)["SERIALNO"] == ""
    with pytest.raises(PermanentError, match="serial number is not known"):
        upload_row(TWO, None)
    with pytest.raises(PermanentError, match="serial number is not known"):
        getlist_parameters(TWO.id, None)


def test_device_without_serial_number_is_refused_and_the_others_go() -> None:
    connection = FakeConnection([{"RETURN": []}])
    unknown = SentReading(ReadingId("NONE", "001", DAY, "01"), "01", Decimal(1), None)
    outcomes = bapi(lambda: connection).send([(unknown,), (TWO,)])
    assert [one.kind for one in outcomes] == [OutcomeKind.REFUSED, OutcomeKind.ACCEPTED]
    assert connection.calls[0][1]["METERREADINGRESULTS"][0]["SERIALNO"] == "000000000000094711"


def test_category_is_sent_as_the_reading_type_that_sap_has_for_it() -> None:
    connection = FakeConnection([{"RETURN": []}, {"RETURN": []}])
    estimated = replace(TWO, category="03")
    bapi(lambda: connection, reading_types={"03": "E1"}).send([(ONE,), (estimated,)])
    types = [call[1]["METERREADINGRESULTS"][0]["ACTUALCUSTOMERMRTYPE"] for call in connection.calls]
    assert types == ["01", "E1"]


def test_send_calls_one_package_per_device_with_exactly_one_result_table() -> None:
    connection = FakeConnection(
        [{"RETURN": []}, {"RETURN": [{"TYPE": "W", "ID": "EL", "NUMBER": "106", "MESSAGE": "high"}]}]
    )
    other = SentReading(ReadingId("4712", "001", DAY, "01"), "01", Decimal(1), None)
    outcomes = bapi(lambda: connection).send([(ONE, TWO), (other,)])
    assert [name for name, _ in connection.calls] == ["BAPI_MTRREADDOC_UPLOAD"] * 2
    assert [list(parameters) for _, parameters in connection.calls] == [["METERREADINGRESULTS"]] * 2
    assert len(connection.calls[0][1]["METERREADINGRESULTS"]) == 2
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.ACCEPTED] * 2
    assert outcomes[1].message == "EL 106: high"


def test_correct_names_the_document_in_the_table_with_one_r() -> None:
    connection = FakeConnection([{"RETURN": []}])
    changed = SentReading(ONE.id, "01", Decimal(153), "KWH", order_id="815", document_id="99")
    bapi(lambda: connection).correct([(changed,)])
    assert connection.calls[0][1]["METEREADINGRESCHANGE"][0]["MRIDNUMBER"] == "00000000000000000099"


@pytest.mark.parametrize("kind", ["E", "A"])
def test_return_with_an_error_is_a_refusal_in_saps_words(kind: str) -> None:
    row = {"TYPE": kind, "ID": "EL", "NUMBER": "206", "MESSAGE": "cannot be determined"}
    connection = FakeConnection([{"RETURN": [{"TYPE": "S", "MESSAGE": "fine"}, row]}])
    [outcome] = bapi(lambda: connection).send([(ONE,)])
    assert (outcome.kind, outcome.message) == (OutcomeKind.REFUSED, "EL 206: cannot be determined")


def test_cut_connection_leaves_the_outcome_unknown_and_the_next_call_connects_anew() -> None:
    connections = [FakeConnection([CommunicationError("cut")]), FakeConnection([{"RETURN": []}])]
    opened = iter(connections)
    transport = bapi(lambda: next(opened))
    outcomes = transport.send([(ONE,), (TWO,)])
    assert [outcome.kind for outcome in outcomes] == [OutcomeKind.UNKNOWN, OutcomeKind.ACCEPTED]


def test_package_does_not_leave_when_the_lease_is_lost() -> None:
    def refuse() -> None:
        raise TransientError("Loading", "this process lost its lease")

    connection = FakeConnection([{"RETURN": []}])
    with fence.raised(refuse), pytest.raises(TransientError, match="lost its lease"):
        bapi(lambda: connection).send([(ONE,)])
    assert connection.calls == []


@pytest.mark.parametrize("status", ["0", "1"])
def test_match_document_takes_no_open_order_for_a_reading_and_tells_of_twins(status: str) -> None:
    order = document(MRIDNUMBER="00000000000000000814", READINGRESULT="", MRSTAT="0")
    other = document(MRIDNUMBER="00000000000000000816", MRSTAT=status)
    found = match_document(ONE.id, [order, document(), other], [])
    assert found is not None
    assert found.document_id == "00000000000000000815"
    assert found.twin_ids == (("00000000000000000816",) if status == "1" else ())


def test_logon_refused_raises_without_the_clients_words() -> None:
    def refuse() -> FakeConnection:
        raise LogonError("user X password s3cret")

    with pytest.raises(PermanentError, match="does not let this user in") as caught:
        bapi(refuse).send([(ONE,)])
    assert "s3cret" not in str(caught.value)


def test_read_back_asks_register_and_day_and_finds_the_document() -> None:
    reasons = [{"MRIDNUMBER": "00000000000000000815", "MRREASON": "01"}]
    connection = FakeConnection([{"RETURN": {}, "MRDOCUMENTDATA": [document()], "MRDOCUMENTREASONS": reasons}])
    found = bapi(lambda: connection).read_back([ONE.id])
    assert connection.calls == [("BAPI_MTRREADDOC_GETLIST", getlist_parameters(ONE.id, "94711"))]
    assert connection.calls[0][1]["MRDOCUMENTTYPE"] == "2"
    assert (found[ONE.id].reading_result, found[ONE.id].status_code) == (Decimal("152.5"), "1")


def test_match_document_of_another_reason_day_or_register_is_none() -> None:
    other_reason = [{"MRIDNUMBER": "00000000000000000815", "MRREASON": "03"}]
    assert match_document(ONE.id, [document()], other_reason) is None
    assert match_document(ONE.id, [document(MRDATEFORBILLING="20260304")], []) is None
    assert match_document(ONE.id, [document(REGISTER="002")], []) is None


def test_read_back_with_a_decimal_comma_is_an_error_that_says_what_to_do() -> None:
    connection = FakeConnection([{"MRDOCUMENTDATA": [document(READINGRESULT="152,5")]}])
    with pytest.raises(PermanentError, match="decimal notation"):
        bapi(lambda: connection).read_back([ONE.id])


def test_read_back_without_a_status_confirms_nothing() -> None:
    connection = FakeConnection([{"MRDOCUMENTDATA": [document(MRSTAT="")]}])
    with pytest.raises(PermanentError, match="status fields"):
        bapi(lambda: connection).read_back([ONE.id])


def test_read_back_that_sap_refuses_raises_rather_than_saying_absent() -> None:
    connection = FakeConnection([{"RETURN": {"TYPE": "E", "ID": "EL", "NUMBER": "001", "MESSAGE": "no authority"}}])
    with pytest.raises(PermanentError, match="no authority"):
        bapi(lambda: connection).read_back([ONE.id])


def test_without_a_client_installed_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyrfc", None)
    with pytest.raises(PermanentError, match="sap-rfc"):
        rfc_connection({})
