"""The pretend gateway's protocol over real HTTP: logon, CSRF, reads, faults and repeats."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
import requests

from sandbox.faults import from_mapping
from sandbox.sap.store import load_from_retailer
from tests.unit.sandbox.conftest import World
from tests.unit.sandbox.sap_world import SERVICE, code_of, contract, device, reading

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
