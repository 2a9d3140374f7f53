"""The pretend gateway's protocol over real HTTP: logon, CSRF, reads, creates, warnings, faults."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest
import requests

from sandbox.faults import from_mapping
from sandbox.sap.store import load_from_retailer
from tests.unit.sandbox.conftest import World
from tests.unit.sandbox.sap_world import DAY, SERVICE, contract, device, reading

DAY_MS = int(datetime(2026, 3, 5, tzinfo=UTC).timestamp()) * 1000


def code_of(response: requests.Response) -> str:
    return str(response.json()["error"]["code"])


# --- logon and CSRF


def test_gateway_without_credentials_answers_401(sap: World) -> None:
    answer = requests.get(sap.client.root, timeout=5)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_gateway_with_wrong_password_answers_401(sap: World) -> None:
    sap.client.session.auth = ("BILLSYNC", "wrong")
    assert sap.client.get("Devices").status_code == 401


def test_gateway_with_unknown_client_answers_401(sap: World) -> None:
    assert sap.client.get("Devices", **{"sap-client": "999"}).status_code == 401
    assert sap.client.get("Devices", **{"sap-client": "100"}).status_code == 200


def test_post_without_token_is_refused_as_required(sap: World) -> None:
    answer = sap.client.post(reading(1))
    assert answer.status_code == 403
    assert answer.headers["x-csrf-token"] == "Required"
    assert answer.text == "CSRF token validation failed"
    assert sap.client.results("MeterReadingResults") == []


@pytest.mark.parametrize("verb", ["head", "get"])
def test_token_fetched_with_cookies_lets_a_post_through(sap: World, verb: str) -> None:
    answer = sap.client.session.request(verb, sap.client.root, headers={"x-csrf-token": "Fetch"}, timeout=5)
    assert any(name.startswith("SAP_SESSIONID_") for name in answer.cookies.get_dict())
    assert any(name.startswith("sap-XSRF_") for name in answer.cookies.get_dict())
    sap.client.token = answer.headers["x-csrf-token"]
    assert sap.client.post(reading(1)).status_code == 201


def test_token_without_its_cookies_is_refused(sap: World) -> None:
    sap.client.logon()
    sap.client.session.cookies.clear()
    assert sap.client.post(reading(1)).status_code == 403


def test_token_fetched_twice_in_one_session_stays_the_same(sap: World) -> None:
    first = sap.client.logon().token
    assert sap.client.logon().token == first


def test_expired_session_fault_drops_the_session_until_a_new_fetch(sap: World) -> None:
    sap.client.logon()
    answer = sap.client.post(reading(1), **{"X-Sandbox-Fault": "expired-session"})
    assert answer.status_code == 403
    assert answer.headers["x-csrf-token"] == "Required"
    assert sap.client.post(reading(1)).status_code == 403
    sap.client.logon()
    assert sap.client.post(reading(1)).status_code == 201


# --- metadata and reads


def test_metadata_names_every_set_type_and_length(sap: World) -> None:
    root = ET.fromstring(sap.client.get("$metadata").content)
    edm = "{http://schemas.microsoft.com/ado/2008/09/edm}"
    sets = {node.get("Name") for node in root.iter(f"{edm}EntitySet")}
    assert sets >= {
        "MeterReadingResults",
        "RegistersToRead",
        "Devices",
        "Contracts",
        "ContractConsumptionValues",
        "Invoices",
        "ContractAccounts",
        "Accounts",
    }
    properties = {
        node.get("Name"): node
        for entity in root.iter(f"{edm}EntityType")
        if entity.get("Name") == "MeterReadingResult"
        for node in entity.iter(f"{edm}Property")
    }
    assert properties["MeterReadingResultID"].get("MaxLength") == "20"
    assert properties["ReadingResult"].get("Scale") == "14"
    assert [node.get("Name") for node in root.iter(f"{edm}FunctionImport")] == ["GetRegistersToReadForDevice"]


def test_registers_to_read_show_the_orders_previous_reading(sap: World) -> None:
    (register,) = sap.client.results(
        "RegistersToRead", **{"$filter": f"DeviceID eq '{device(1)}' and RegisterID eq '001'"}
    )
    assert register["PreviousMeterReadingResult"] == "1000.00000000000000"
    assert register["NoMeterReadingOrderFlag"] is False
    assert (register["IntegerPlaces"], register["DecimalPlaces"]) == ("06", "01")
    assert register["Multiplier"] == "1.00000000000000"


def test_registers_to_read_three_ways_give_the_same_registers(sap: World) -> None:
    by_filter = sap.client.results("RegistersToRead", **{"$filter": f"DeviceID eq '{device(2)}'"})
    by_navigation = sap.client.results(f"Devices('{device(2)}')/RegistersToRead")
    by_function = sap.client.results("GetRegistersToReadForDevice", DeviceID=f"'{device(2)}'")
    assert [r["RegisterID"] for r in by_filter] == ["001", "002"]
    assert by_filter == by_navigation == by_function


def test_contract_navigates_to_devices_and_account(sap: World) -> None:
    (found,) = sap.client.results(f"Contracts('{contract(1)}')/Devices")
    assert found["DeviceID"] == device(1)
    assert found["ContractID"] == contract(1)
    account = sap.client.get(f"Contracts('{contract(1)}')/ContractAccount").json()["d"]
    assert account["AccountID"] == "C1"


def test_contract_without_end_shows_the_last_date(sap: World) -> None:
    found = sap.client.get(f"Contracts('{contract(1)}')").json()["d"]
    assert found["MoveOutDate"] == "/Date(253402214400000)/"
    assert found["Devices"]["__deferred"]["uri"].endswith("/Devices")


@pytest.mark.parametrize("path", ["Devices('9')", "Nothing", "Devices('9')/RegistersToRead", "Contracts('9')"])
def test_read_of_what_is_not_there_answers_404(sap: World, path: str) -> None:
    assert sap.client.get(path).status_code == 404


@pytest.mark.parametrize(
    "condition",
    [
        "Nothing eq 'x'",
        "DeviceID like 'x'",
        "DeviceID eq",
        "ReadingDateTime eq 'x'",
        "(DeviceID eq 'x'",
        "DeviceID eq 'x' 1",
    ],
)
def test_filter_not_understood_is_refused_not_ignored(sap: World, condition: str) -> None:
    assert sap.client.get("MeterReadingResults", **{"$filter": condition}).status_code == 400


def test_invoices_are_filterable_by_date_and_status_only(sap: World) -> None:
    allowed = "InvoiceDate ge datetime'2026-01-01T00:00:00' and InvoiceStatusID eq '01'"
    assert sap.client.get("Invoices", **{"$filter": allowed}).status_code == 200
    assert sap.client.get("Invoices", **{"$filter": "ContractAccountID eq '1'"}).status_code == 400


def test_read_without_json_accept_answers_atom(sap: World) -> None:
    answer = requests.get(f"{sap.client.root}Devices", auth=sap.client.session.auth, timeout=5)
    assert answer.headers["Content-Type"].startswith("application/atom+xml")
    assert device(1) in answer.text
    as_json = requests.get(f"{sap.client.root}Devices?$format=json", auth=sap.client.session.auth, timeout=5)
    assert len(as_json.json()["d"]["results"]) == 3


def test_collection_larger_than_a_page_is_followed_by_next(sap: World) -> None:
    sap.gateway.settings.page_size = 4
    body = sap.client.get("RegistersToRead", **{"$inlinecount": "allpages"}).json()["d"]
    assert body["__count"] == "6"
    assert len(body["results"]) == 4
    rest = sap.client.session.get(body["__next"], timeout=5).json()["d"]
    assert len(rest["results"]) == 2
    assert "__next" not in rest


def test_option_that_is_not_served_is_refused_not_ignored(sap: World) -> None:
    assert sap.client.get("Devices", **{"$expand": "RegistersToRead"}).status_code == 400


def test_filter_of_many_devices_in_one_request_is_answered(sap: World) -> None:
    condition = " or ".join(f"(DeviceID eq '{device(n)}' and RegisterID eq '001')" for n in range(1, 401))
    assert len(sap.client.results("RegistersToRead", **{"$filter": condition})) == 3


def test_dependent_results_are_the_devices_other_registers(sap: World) -> None:
    created = sap.client.logon().post(reading(1, DependentMeterReadingResults=[reading(1, "002", "1050.0")])).json()
    path = f"MeterReadingResults('{created['d']['MeterReadingResultID']}')/DependentMeterReadingResults"
    assert [r["RegisterID"] for r in sap.client.results(path)] == ["002"]


def test_top_and_skip_page_on_the_clients_side(sap: World) -> None:
    everything = [d["DeviceID"] for d in sap.client.results("Devices")]
    found = [d["DeviceID"] for d in sap.client.results("Devices", **{"$top": "1", "$skip": "1"})]
    assert found == everything[1:2]
    assert sap.client.get("Devices/$count").text == "3"


# --- creates


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


# --- faults and repeats


def test_cut_before_the_commit_leaves_nothing(sap: World) -> None:
    sap.client.logon()
    with pytest.raises(requests.ConnectionError):
        sap.client.post(reading(1), **{"X-Sandbox-Fault": "cut-before"})
    assert sap.client.results("MeterReadingResults") == []


def test_cut_after_the_commit_keeps_the_reading(sap: World) -> None:
    sap.client.logon()
    with pytest.raises(requests.ConnectionError):
        sap.client.post(reading(1), **{"X-Sandbox-Fault": "cut-after"})
    assert len(sap.client.results("MeterReadingResults")) == 1


def test_armed_fault_hits_the_service_path_once(sap: World) -> None:
    sap.faults.add(from_mapping({"fault": "503", "retry_after": 2, "path_prefix": SERVICE}))
    answer = sap.client.get("Devices")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert sap.client.get("Devices").status_code == 200


def test_html_fault_answers_200_with_a_logon_page(sap: World) -> None:
    answer = sap.client.session.get(sap.client.root + "Devices", headers={"X-Sandbox-Fault": "html"}, timeout=5)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/html")


def test_loading_the_retailer_again_keeps_readings_and_order_states(sap: World) -> None:
    sap.client.logon().post(reading(1))
    counts = load_from_retailer(sap.retailer_db, sap.store.path)
    assert (counts["orders"], counts["devices"]) == (6, 3)
    assert len(sap.client.results("MeterReadingResults")) == 1
    assert sap.store.rows("select state from orders where meter_reading_order_id = 'O1001'")[0][0] == "READ"
    assert code_of(sap.client.post(reading(1))) == "EL/903"
