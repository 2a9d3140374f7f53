"""Settings into a road into SAP: what is needed, what is refused, what things are called."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from billsync.settings import ConfigurationError, load_settings
from orchestration.sap_names import reading_types, serial_numbers
from orchestration.sap_profiles import statuses_of
from orchestration.sap_transports import open_transport
from orchestration.systems import Systems


def systems(home: Path, **more: str) -> Systems:
    return Systems({"BILLSYNC_ENV": "test", "BILLSYNC_HOME": str(home), **more})


def idoc(home: Path, **more: str) -> Systems:
    names = {
        "BILLSYNC_SAP_TRANSPORT": "idoc", "BILLSYNC_SAP_CLIENT": "100", "BILLSYNC_SAP_IDOC_OUTBOX": str(home / "out"),
        "BILLSYNC_SAP_IDOC_INBOX": str(home / "in"), "BILLSYNC_SAP_IDOC_RECEIVER": "SAPPRD:PRDCLNT100",
    }  # fmt: skip
    return systems(home, **{**names, **more})


def test_idoc_opens_without_contacting_anything_and_reads_back_where_odata_is_configured(tmp_path: Path) -> None:
    alone = open_transport(idoc(tmp_path))
    assert (alone.name, alone.capabilities.can_read_back, alone.capabilities.can_correct) == ("idoc", False, False)
    odata = {"BILLSYNC_SAP_URL": "http://127.0.0.1:9", "BILLSYNC_SAP_USER": "u", "BILLSYNC_SAP_PASSWORD": "p"}
    assert open_transport(idoc(tmp_path, **odata)).capabilities.can_read_back


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"BILLSYNC_SAP_IDOC_OUTBOX": ""}, "BILLSYNC_SAP_IDOC_OUTBOX is not set"),
        ({"BILLSYNC_SAP_IDOC_RECEIVER": "SAPPRD"}, "port:partner"),
        ({"BILLSYNC_SAP_CLIENT": ""}, "BILLSYNC_SAP_CLIENT is not set"),
        ({"BILLSYNC_SAP_SERIALNO": "imei"}, "BILLSYNC_SAP_SERIALNO is 'imei'"),
        ({"BILLSYNC_SAP_READING_TYPES": "01"}, "BILLSYNC_SAP_READING_TYPES is '01'"),
        ({"BILLSYNC_SAP_CONFIRMATIONS_WAIT": "soon"}, "whole number of seconds"),
    ],
)
def test_idoc_setting_that_is_missing_or_wrong_is_named(tmp_path: Path, changed: dict[str, str], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        open_transport(idoc(tmp_path, **changed))


def test_reading_types_map_categories_and_none_means_none() -> None:
    assert reading_types(load_settings({"BILLSYNC_SAP_READING_TYPES": "01=A1 03=E3"})) == {"01": "A1", "03": "E3"}
    assert reading_types(load_settings({})) == {}


def test_profile_statuses_are_pairs_of_a_quality_and_saps_status() -> None:
    assert statuses_of(load_settings({})) == {"A": "W"}
    assert statuses_of(load_settings({"BILLSYNC_SAP_PROFILE_STATUSES": "A=W E=P"})) == {"A": "W", "E": "P"}
    for wrong in ("A", "X=W", "A=WWWWW"):
        with pytest.raises(ConfigurationError, match="BILLSYNC_SAP_PROFILE_STATUSES"):
            statuses_of(load_settings({"BILLSYNC_SAP_PROFILE_STATUSES": wrong}))


def test_serial_numbers_come_from_the_retailers_devices_or_are_the_device_numbers(tmp_path: Path) -> None:
    found = systems(tmp_path)
    found.ensure_raw_schema()
    with duckdb.connect(str(found.settings.duckdb_path)) as connection:
        connection.execute(
            "insert into raw.retailer_devices (device_id, serial_number) values ('1', 'SN1'), ('2', null)"
        )
    assert serial_numbers(found)(["1", "2", "3"]) == {"1": "SN1"}
    by_number = systems(tmp_path, BILLSYNC_SAP_SERIALNO="device_id")
    assert serial_numbers(by_number)(["1", "3"]) == {"1": "1", "3": "3"}
