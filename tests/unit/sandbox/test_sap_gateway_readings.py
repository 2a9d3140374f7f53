"""Readings created at the pretend gateway over real HTTP: what it stores, refuses, locks and shows again."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest
import requests

from tests.unit.sandbox.conftest import World
from tests.unit.sandbox.sap_world import DAY, code_of, device, reading

DAY_MS = int(datetime(2026, 3, 5, tzinfo=UTC).timestamp()) * 1000


def test_post_answers_201_with_sap_formats(sap: World) -> None:
    answer = sap.client.logon().post(reading(1, value="1152.5"))
    assert answer.status_code == 201
    created = answer.json()["d"]
    assert created["ReadingResult"] == "1152.50000000000000"
    assert created["Consumption"] == "152.50000000000000"
    assert created["ReadingDateTime"] == f"/Date({DAY_MS})/"
    assert created["MeterReadingStatusID"] == "1"
    assert created["DependentMeterReadingResults"] == {"results": []}
    assert len(created["MeterReadingResultID"]) == 20
    assert sap.client.session.get(answer.headers["Location"], timeout=5).json()["d"]["SerialNumber"] == "SN1"


@pytest.mark.parametrize("written", [f"{DAY}T00:00:00", f"/Date({DAY_MS})/"])
def test_post_takes_both_date_forms(sap: World, written: str) -> None:
    created = sap.client.logon().post(reading(1, ReadingDateTime=written)).json()["d"]
    assert created["ReadingDateTime"] == f"/Date({DAY_MS})/"


def test_deep_insert_stores_every_register_and_nests_the_reply(sap: World) -> None:
    payload = reading(1, DependentMeterReadingResults=[reading(1, "002", "1050.0")])
    created = sap.client.logon().post(payload).json()["d"]
    (child,) = created["DependentMeterReadingResults"]["results"]
    assert (child["RegisterID"], child["MeterReadingReasonID"]) == ("002", "01")
    assert len(sap.client.results("MeterReadingResults", **{"$filter": f"DeviceID eq '{device(1)}'"})) == 2


def test_deep_insert_with_a_bad_child_keeps_nothing(sap: World) -> None:
    payload = reading(1, DependentMeterReadingResults=[reading(1, "009")])
    answer = sap.client.logon().post(payload)
    assert (answer.status_code, code_of(answer)) == (400, "EL/902")
    assert sap.client.results("MeterReadingResults") == []
    assert sap.client.post(reading(1)).status_code == 201


def test_deep_insert_of_another_device_is_refused(sap: World) -> None:
    answer = sap.client.logon().post(reading(1, DependentMeterReadingResults=[reading(2, "002")]))
    assert code_of(answer) == "EL/909"


def test_second_reading_of_same_register_date_reason_is_refused(sap: World) -> None:
    sap.client.logon().post(reading(1))
    answer = sap.client.post(reading(1, value="1101.0"))
    assert (answer.status_code, code_of(answer)) == (400, "EL/903")
    (kept,) = sap.client.results("MeterReadingResults")
    assert kept["ReadingResult"] == "1100.00000000000000"


def test_duplicates_sent_from_many_threads_store_one(sap: World) -> None:
    token = sap.client.logon().token
    cookies = sap.client.session.cookies.get_dict()

    def send(_: int) -> int:
        return requests.post(
            sap.client.root + "MeterReadingResults",
            json=reading(1),
            auth=sap.client.session.auth,
            cookies=cookies,
            headers={"x-csrf-token": token, "Accept": "application/json"},
            timeout=10,
        ).status_code

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(send, range(16))) == [201] + [400] * 15


def test_reading_without_reason_takes_defaults_and_leaves_the_order_open(sap: World) -> None:
    payload = reading(1)
    del payload["MeterReadingReasonID"], payload["MeterReadingCategoryID"]
    created = sap.client.logon().post(payload).json()["d"]
    assert (created["MeterReadingReasonID"], created["MeterReadingCategoryID"]) == ("09", "02")
    states = {row[0] for row in sap.store.rows("select state from orders where meter_reading_order_id = 'O1001'")}
    assert states == {"OPEN"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"DeviceID": device(99)}, "EL/901"),
        ({"RegisterID": "077"}, "EL/902"),
        ({"MeterReadingReasonID": "03"}, "EL/904"),
        ({"ReadingDateTime": "2026-03-06T00:00:00"}, "EL/904"),
        ({"ReadingResult": "1100.25"}, "EL/906"),
        ({"ReadingResult": "1000000.0"}, "EL/906"),
        ({"ReadingResult": "-1.0"}, "EL/906"),
        ({"MeterReadingCategoryID": "77"}, "EL/908"),
        ({"ReadingResult": ""}, "EL/910"),
        ({"ReadingResult": 1100.0}, "CX_SXML_PARSE_ERROR"),
        ({"ReadingResult": "1,100"}, "CX_SXML_PARSE_ERROR"),
        ({"ReadingDateTime": "2026-03-05"}, "CX_SXML_PARSE_ERROR"),
        ({"ReadingDateTime": f"/Date({DAY_MS}+0600)/"}, "CX_SXML_PARSE_ERROR"),
        ({"RegisterNumber": "001"}, "/IWCOR/CX_DS_EP_PROPERTY_ERROR"),
    ],
)
def test_reading_against_a_rule_is_refused_with_its_code(sap: World, change: dict[str, object], code: str) -> None:
    answer = sap.client.logon().post(reading(1) | change)
    assert (answer.status_code, code_of(answer)) == (400, code)
    assert sap.client.results("MeterReadingResults") == []


def test_business_error_carries_details_with_the_frameworks_entry(sap: World) -> None:
    error = sap.client.logon().post(reading(99)).json()["error"]
    details = error["innererror"]["errordetails"]
    assert [entry["code"] for entry in details] == ["EL/901", "/IWBEP/CX_MGW_BUSI_EXCEPTION"]
    assert error["message"]["lang"] == "en"
    sap.gateway.settings.nested_errors = True
    nested = sap.client.post(reading(99)).json()["error"]["innererror"]["errordetails"]
    assert [entry["code"] for entry in nested["errordetail"]] == ["EL/901", "/IWBEP/CX_MGW_BUSI_EXCEPTION"]


def test_error_without_json_accept_is_xml(sap: World) -> None:
    answer = sap.client.logon().post(reading(99), Accept="application/xml")
    code = ET.fromstring(answer.content).findtext(
        "{http://schemas.microsoft.com/ado/2007/08/dataservices/metadata}code"
    )
    assert code == "EL/901"


def test_implausible_reading_is_stored_locked_with_a_warning(sap: World) -> None:
    # 10 kW for 24 h over 28 days allow 6,720 kWh; 1,000 + 6,721 is above that.
    answer = sap.client.logon().post(reading(1, value="7721.0"))
    assert answer.status_code == 201
    assert answer.json()["d"]["MeterReadingStatusID"] == "2"
    message = json.loads(answer.headers["sap-message"])
    assert (message["code"], message["severity"]) == ("EL/106", "warning")


def test_reading_at_the_limit_is_billable(sap: World) -> None:
    answer = sap.client.logon().post(reading(1, value="7720.0"))
    assert answer.json()["d"]["MeterReadingStatusID"] == "1"
    assert "sap-message" not in answer.headers


def test_reading_below_previous_is_locked(sap: World) -> None:
    answer = sap.client.logon().post(reading(1, value="999.0"))
    assert answer.json()["d"]["MeterReadingStatusID"] == "2"
    assert json.loads(answer.headers["sap-message"])["code"] == "EL/676"


def test_reading_after_roll_over_is_billable(sap: World) -> None:
    with sap.store.writing() as db:
        db.execute("update orders set previous_reading = '999990' where meter_reading_order_id = 'O1001'")
    created = sap.client.logon().post(reading(1, value="10.5")).json()["d"]
    assert created["MeterReadingStatusID"] == "1"
    # 1,000,000 - 999,990 + 10.5
    assert created["Consumption"] == "20.50000000000000"


def test_implausible_reading_with_a_note_is_released(sap: World) -> None:
    created = sap.client.logon().post(reading(1, value="7721.0", MeterReadingNoteID="0001")).json()["d"]
    assert created["MeterReadingStatusID"] == "4"


def test_cancelled_order_refuses_its_reading(sap: World) -> None:
    with sap.store.writing() as db:
        db.execute("update orders set state = 'CANCELLED' where meter_reading_order_id = 'O1001'")
    assert code_of(sap.client.logon().post(reading(1))) == "EL/905"


def test_results_are_found_by_device_register_date_and_reason(sap: World) -> None:
    sap.client.logon().post(reading(1, DependentMeterReadingResults=[reading(1, "002", "1050.0")]))
    condition = (
        f"DeviceID eq '{device(1)}' and (RegisterID eq '002' or RegisterID eq '003') and "
        f"ReadingDateTime ge datetime'{DAY}T00:00:00' and ReadingDateTime le datetime'{DAY}T23:59:59' "
        "and MeterReadingReasonID eq '01'"
    )
    (found,) = sap.client.results("MeterReadingResults", **{"$filter": condition})
    assert found["RegisterID"] == "002"
    by_key = sap.client.get(f"MeterReadingResults('{found['MeterReadingResultID']}')").json()["d"]
    assert by_key == found


@pytest.mark.parametrize("verb", ["PUT", "PATCH", "DELETE"])
def test_reading_cannot_be_changed_or_deleted(sap: World, verb: str) -> None:
    created = sap.client.logon().post(reading(1)).json()["d"]
    path = f"MeterReadingResults('{created['MeterReadingResultID']}')"
    answer = sap.client.session.request(
        verb, sap.client.root + path, json={}, headers={"x-csrf-token": sap.client.token}, timeout=5
    )
    assert answer.status_code == 405
    assert sap.client.get(path).status_code == 200


def test_other_sets_cannot_be_posted_to(sap: World) -> None:
    sap.client.logon()
    answer = sap.client.session.post(
        sap.client.root + "Devices", json={}, headers={"x-csrf-token": sap.client.token}, timeout=5
    )
    assert answer.status_code == 405
