"""What the accumulation reader keeps, what it rejects and why."""

from __future__ import annotations

import pytest

from tests.unit.loaders.sources.meter_harness import mdff, read_text

GOOD = (
    "250,VABC005890,1141,1,11,11,METSER123,E,006342.8,20031005093055,A,,,007654.9,20040107100333,S64,77,dog,"
    "1312.1,kWh,20040407,20040108100333,20040108091133"
)


def _with(place: int, value: str) -> str:
    fields = GOOD.split(",")
    fields[place] = value
    return ",".join(fields)


def test_accumulation_record_well_formed_is_kept_field_by_field() -> None:
    staged = read_text(mdff(GOOD, "550,N,SO1,A,SO2", version="NEM13"))
    (row,) = staged["meter_accumulation_records"]
    assert (row["nmi"], row["nmi_configuration"], row["register_id"], row["nmi_suffix"]) == (
        "VABC005890",
        "1141",
        "1",
        "11",
    )
    assert (row["direction_indicator"], row["previous_register_read"], row["current_register_read"]) == (
        "E",
        "006342.8",
        "007654.9",
    )
    assert (row["previous_read_text"], row["current_read_text"]) == ("20031005093055", "20040107100333")
    assert (row["current_quality_method"], row["current_reason_code"], row["current_reason_description"]) == (
        "S64",
        "77",
        "dog",
    )
    assert (row["quantity"], row["unit"], row["next_scheduled_read_date"]) == ("1312.1", "kWh", "20040407")
    assert (row["update_text"], row["msats_load_text"], row["file_created_text"]) == (
        "20040108100333",
        "20040108091133",
        "202603050100",
    )
    (detail,) = staged["meter_b2b_details"]
    assert (detail["parent_line_number"], detail["trans_code"], detail["ret_service_order"]) == (2, "A", "SO2")
    assert (detail["previous_trans_code"], detail["previous_ret_service_order"]) == ("N", "SO1")


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (_with(1, ""), "NMI_MISSING"),
        (_with(4, ""), "NMI_SUFFIX_MISSING"),
        (_with(1, "V" * 41), "NMI_TOO_LONG"),
        (_with(4, "1" * 21), "NMI_SUFFIX_TOO_LONG"),
        (_with(18, ""), "VALUE_NOT_NUMERIC"),
        (_with(18, "many"), "VALUE_NOT_NUMERIC"),
        (_with(18, "1234567890123"), "VALUE_OUT_OF_RANGE"),
        (_with(9, ""), "READ_DATE_INVALID"),
        (_with(14, "20041301000000"), "READ_DATE_INVALID"),
        (GOOD + ",more", "EXTRA_FIELDS"),
        (GOOD.rsplit(",", 8)[0], "RECORD_INCOMPLETE"),
        ("250", "RECORD_INCOMPLETE"),
    ],
)
def test_accumulation_record_broken_in_structure_is_rejected_with_its_detail(record: str, code: str) -> None:
    staged = read_text(mdff(record, "550,N,,A,", version="NEM13"))
    assert staged.rejects == [(2, code), (3, "DETAIL_WITHOUT_RECORD")]
    assert staged["meter_accumulation_records"] == []


@pytest.mark.parametrize(
    "record",
    [GOOD + ",,,,", GOOD.rsplit(",", 3)[0], _with(18, "-10.000"), _with(14, "200401070000000"), _with(15, "")],
    ids=["padded", "short", "negative", "15 digits", "no quality"],
)
def test_accumulation_record_odd_but_readable_is_kept(record: str) -> None:
    staged = read_text(mdff(record, version="NEM13"))
    assert len(staged["meter_accumulation_records"]) == 1
    assert staged.rejects == []


def test_accumulation_content_hash_ignores_stamps_and_covers_the_quantity() -> None:
    texts = [GOOD, _with(21, "20040109100333"), _with(18, "1312.2")]
    rows = read_text(mdff(*texts, version="NEM13"))["meter_accumulation_records"]
    assert rows[0]["content_hash"] == rows[1]["content_hash"] != rows[2]["content_hash"]
