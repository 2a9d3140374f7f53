"""Edits of reads: what is refused, which stamp they get, and how they lie in the raw layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from billsync.reads_cli import changed_values, with_last_edit
from loaders.errors import PermanentError
from loaders.operational_db import open_engine, upgrade
from loaders.read_edits import (
    EDIT,
    EXCLUDE,
    READ,
    NewEdit,
    ReadEdits,
    extract_read_edits,
    parse_values,
    revised_read,
    stamp_of,
)

DAY = date(2026, 3, 4)
WHOLE = NewEdit(EDIT, "N000000001", "E1", DAY, [Decimal("0.25")] * 48, date(2026, 3, 5))


@pytest.fixture
def edits(tmp_path: Path) -> Iterator[ReadEdits]:
    engine = open_engine(f"sqlite:///{tmp_path}/ledger.db")
    upgrade(engine)
    yield ReadEdits(engine)
    engine.dispose()


def staged(edits: ReadEdits, folder: Path) -> dict[str, list[dict[str, Any]]]:
    writes = extract_read_edits(edits, folder).writes
    return {write.table: [row for path in write.files for row in pq.read_table(path).to_pylist()] for write in writes}


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["1"] * 47, "47 values make no day"),
        (["1"] * 47 + ["x"], "interval 48 is 'x', no number"),
        (["1"] * 47 + ["-0.1"], "interval 48 is -0.1"),
        (["1"] * 47 + ["NaN"], "interval 48 is NaN"),
        (["1"] * 47 + [""], "interval 48 is '', no number"),
    ],
)
def test_values_that_make_no_day_are_refused(texts: list[str], why: str) -> None:
    with pytest.raises(PermanentError, match=why):
        parse_values(texts)


def test_values_are_kept_exactly() -> None:
    assert parse_values(["0.12345678901234"] * 96)[0] == Decimal("0.12345678901234")


def test_stamp_is_the_end_of_the_billing_day_or_just_after_what_is_known() -> None:
    assert stamp_of(WHOLE) == "20260305235959"
    # 20:00 UTC on the 5th is 06:00 on the 6th in market time.
    assert stamp_of(replace(WHOLE, known_version_at=datetime(2026, 3, 5, 20, 0))) == "20260306060001"  # noqa: DTZ001


def test_edit_lies_in_the_raw_layer_as_a_read_version_with_who_when_and_why(edits: ReadEdits, tmp_path: Path) -> None:
    number = edits.add(WHOLE, actor="ann", reason="meter test")
    edits.add(replace(WHOLE, kind=EXCLUDE, values=[], nmi_suffix="B1"), actor="bob", reason="panel fault")
    rows = staged(edits, tmp_path)
    first, second = rows["meter_interval_records"]
    assert (first["source"], first["file_name"], first["quality_method"]) == ("MANUAL", f"edit-{number}", "F18")
    assert (first["interval_length_minutes"], first["value_count"], first["values_text"][:9]) == (30, 48, "0.25,0.25")
    assert (second["value_count"], set(second["values_text"])) == (48, {","})
    assert [(row["made_by"], row["reason"]) for row in rows["read_edits"]] == [
        ("ann", "meter test"),
        ("bob", "panel fault"),
    ]
    assert [row["accepted_record_count"] for row in rows["meter_files"]] == [1, 1]


def test_withdrawn_edit_keeps_its_row_and_loses_its_record(edits: ReadEdits, tmp_path: Path) -> None:
    number = edits.add(WHOLE, actor="ann", reason="meter test")
    before = staged(edits, tmp_path / "before")["meter_files"][0]["file_hash"]
    edits.withdraw(number, actor="bob", reason="wrong meter")
    rows = staged(edits, tmp_path / "after")
    assert rows["meter_interval_records"] == []
    assert rows["meter_files"][0]["file_hash"] != before
    assert (rows["read_edits"][0]["withdrawn_by"], rows["read_edits"][0]["withdrawn_reason"]) == ("bob", "wrong meter")
    with pytest.raises(PermanentError, match="bob withdrew it already"):
        edits.withdraw(number, actor="ann", reason="again")


def test_edit_without_a_reason_is_refused(edits: ReadEdits) -> None:
    with pytest.raises(PermanentError, match="no reason was given"):
        edits.add(WHOLE, actor="ann", reason=" ")
    assert edits.list_rows() == []


def test_single_intervals_are_changed_in_kwh_whatever_was_delivered() -> None:
    current = {"kwh_factor": Decimal("0.001"), "values_text": "500,,250"}
    assert changed_values(current, ["2=1.5", "3=0"]) == ["0.500", "1.5", "0"]


def test_later_edit_of_a_day_outranks_the_earlier_one_though_no_run_saw_it(edits: ReadEdits, tmp_path: Path) -> None:
    for reason in ("meter test", "meter test, read again", "typing error"):
        edits.add(WHOLE, actor="ann", reason=reason)
    edits.add(replace(WHOLE, market_date=date(2026, 3, 3)), actor="ann", reason="another day")
    stamps = [row["update_text"] for row in staged(edits, tmp_path)["meter_interval_records"]]
    assert stamps == ["20260305235959", "20260306000000", "20260306000001", "20260305235959"]


def test_further_edit_begins_from_the_last_one_that_no_run_has_seen(edits: ReadEdits) -> None:
    delivered = {"read_version_at": datetime(2026, 3, 5), "kwh_factor": Decimal("0.001"), "values_text": "500,250"}  # noqa: DTZ001
    key = (WHOLE.nmi, WHOLE.nmi_suffix, WHOLE.market_date)
    assert with_last_edit(delivered, edits.last(*key)) == delivered
    edits.add(replace(WHOLE, values=[Decimal(3), Decimal(4)]), actor="ann", reason="first")
    number = edits.add(replace(WHOLE, values=[Decimal(5), Decimal(4)]), actor="ann", reason="second")
    current = with_last_edit(delivered, edits.last(*key))
    assert current
    assert changed_values(current, ["2=6"]) == ["5", "6"]
    edits.withdraw(number, actor="ann", reason="slip")
    current = with_last_edit(delivered, edits.last(*key))
    assert current
    assert changed_values(current, ["2=6"]) == ["3", "6"]
    # A delivery that was stamped later holds, and is what a further edit begins from.
    later = {**delivered, "read_version_at": datetime(2026, 3, 9)}  # noqa: DTZ001
    assert with_last_edit(later, edits.last(*key)) == later


DELIVERED = {
    "nmi": "N0000000019", "nmi_suffix": "11", "nmi_configuration": "11", "register_id": "001", "mdm_data_stream": "11",
    "meter_serial_number": "M1", "direction_indicator": "E", "previous_register_read": "000100",
    "previous_read_text": "20260101000001", "previous_quality_method": "A", "previous_reason_code": None,
    "previous_reason_description": None, "current_register_read": "000900", "current_read_text": "20260131000001",
    "current_quality_method": "A", "current_reason_code": None, "current_reason_description": None,
    "quantity": "800", "unit": "Wh", "file_name": "one.csv",
}  # fmt: skip


def test_revised_read_stands_in_place_of_the_delivered_one_with_its_own_quality(
    edits: ReadEdits, tmp_path: Path
) -> None:
    new = NewEdit(READ, "N000000001", "11", DAY, [], date(2026, 3, 5), None, revised_read(DELIVERED, "000640", "540.5"))
    number = edits.add(new, actor="ann", reason="misread")
    found = staged(edits, tmp_path / "one")
    [record] = found["meter_accumulation_records"]
    kept = ("register_id", "meter_serial_number", "previous_register_read", "previous_read_text", "current_read_text")
    assert {name: record[name] for name in kept} == {name: DELIVERED[name] for name in kept}
    assert (record["current_register_read"], record["quantity"], record["unit"]) == ("000640", "540.5", "kWh")
    assert (record["current_quality_method"], record["current_reason_code"]) == ("F66", "24")
    assert (record["source"], record["file_name"], record["nmi"]) == ("MANUAL", f"edit-{number}", "N000000001")
    assert found["meter_interval_records"] == []
    edits.withdraw(number, actor="bob", reason="was right")
    assert staged(edits, tmp_path / "two")["meter_accumulation_records"] == []


@pytest.mark.parametrize(
    ("read", "kwh", "why"),
    [
        ("12x", "5", "'12x' are no dials"),
        ("-12", "5", "'-12' are no dials"),
        ("1.2.3", "5", "'1.2.3' are no dials"),
        ("1234567890123456", "5", "are no dials"),
        ("", "5", "'' are no dials"),
        ("12", "x", "'x' is no number"),
        ("12", "-0.1", "-0.1 kWh is not possible"),
        ("12", "NaN", "NaN kWh is not possible"),
        ("12", "100000000", "100000000 kWh is not possible"),
    ],
)
def test_read_that_no_register_shows_is_refused(read: str, kwh: str, why: str) -> None:
    with pytest.raises(PermanentError, match=why):
        revised_read(DELIVERED, read, kwh)
