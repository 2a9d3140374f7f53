"""IDoc files: the place of every field counted by hand from SAP's record lengths, and files that appear whole."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from loaders.errors import PermanentError, TransientError
from loaders.sap_isu.bapi import upload_row
from loaders.sap_isu.idoc.files import FileForm, Idoc, Party, put, write_idocs
from loaders.sap_isu.idoc.layout import CONTROL, DATA, IdocError, load_layout, width
from loaders.sap_isu.readings import ReadingId, SentReading

DAY = date(2026, 3, 5)
BATCH = "0A0A0A0A-0000-4000-8000-0000000000FF"
FORM = FileForm(load_layout(), "100", Party("BILLSYNC", "BILLSYNC"), Party("SAPPRD", "PRDCLNT100"))
ONE = SentReading(ReadingId("4711", "1", DAY, "01"), "01", Decimal("152.50"), "KWH", order_id="815", nmi="4103000001")
TWO = SentReading(ReadingId("4711", "002", DAY, "01"), "03", Decimal("7"), "KWH")
WRITTEN = datetime(2026, 3, 6, 1, 2, 3, tzinfo=UTC)


def lines() -> list[str]:
    rows = [upload_row(one, "80815") for one in (ONE, TWO)]
    return write_idocs(FORM, BATCH, [Idoc(42, rows)], WRITTEN).decode().splitlines()


def test_records_have_saps_lengths() -> None:
    assert (width(CONTROL), width(DATA), width(FORM.layout.results.fields)) == (524, 1063, 224)
    assert [len(line) for line in lines()] == [524, 1063, 1063, 1063]


def test_control_record_has_every_field_in_its_place() -> None:
    # Offsets by adding up: TABNAM 10, MANDT 3, DOCNUM 16, DOCREL 4, STATUS 2, DIRECT 1, OUTMOD, EXPRSS, TEST 1 each,
    # IDOCTYP, CIMTYP, MESTYP 30 each, MESCOD, MESFCT 3 each, STD 1, STDVRS, STDMES 6 each, then the sender.
    record = lines()[0]
    placed = {
        0: "EDI_DC40  ", 10: "100", 13: "0000000000000042", 29: "    ", 33: "  ", 35: "2", 36: "   ",
        39: "ISU_MR_UPLOAD01" + " " * 15, 69: " " * 30, 99: "ISU_MR_UPLOAD" + " " * 17, 129: " " * 19,
        148: "BILLSYNC  ", 158: "LS", 160: "  ", 162: "BILLSYNC  ", 172: " " * 91,
        263: "SAPPRD    ", 273: "LS", 275: "  ", 277: "PRDCLNT100", 287: " " * 91,
        378: "20260306", 386: "010203", 392: " " * 42, 434: BATCH + " " * 34, 504: " " * 20,
    }  # fmt: skip
    assert "".join(placed.values()) == record
    assert all(record[place : place + len(text)] == text for place, text in placed.items())


def test_data_records_name_their_segment_place_and_parent() -> None:
    heads = [line[:63] for line in lines()[1:]]
    assert heads == [
        "E1ISU_MR_UPLOAD" + " " * 15 + "100" + "0000000000000042" + "000001" + "000000" + "01",
        "E1BPEABLU" + " " * 21 + "100" + "0000000000000042" + "000002" + "000001" + "02",
        "E1BPEABLU" + " " * 21 + "100" + "0000000000000042" + "000003" + "000001" + "02",
    ]
    assert lines()[1][63:] == " " * 1000


def test_reading_has_every_field_in_its_place() -> None:
    data = lines()[2][63:]
    placed = {
        0: " " * 18, 18: "000000000000080815", 36: "001", 39: "01", 41: "00000000000000000815",
        61: "152.5" + " " * 27, 93: "    ", 97: "01", 99: "   ", 102: "20260305", 110: "    ", 114: "20260305",
        122: "    ", 126: " " * 8, 134: "    ", 138: " " * 12, 150: " ", 151: " " * 15, 166: "20260305",
        174: "4103000001" + " " * 40, 224: " " * 776,
    }  # fmt: skip
    assert "".join(placed.values()) == data
    assert all(data[place : place + len(text)] == text for place, text in placed.items())
    second = lines()[3][63:]
    assert (second[36:39], second[41:61], second[97:99]) == ("002", " " * 20, "03")


def test_the_same_batch_makes_the_same_bytes() -> None:
    assert lines() == lines()


def test_segments_are_named_and_cut_as_the_customers_layout_says(tmp_path: Path) -> None:
    own = {
        "idoc_type": "ZMR01", "message_type": "ZMR", "header": {"segment": "Z1HEAD", "fields": [["X", 1]]},
        "results": {"segment": "Z1READ", "fields": [["EXT_UI", 11], ["READINGRESULT", 10]]},
        "status": {"record": "EDI_DS40", "fields": [["TABNAM", 10], ["DOCNUM", 16], ["STATUS", 2]]},
        "outcomes": {"posted": ["53"], "partly_posted": [], "not_posted": ["51"]},
    }  # fmt: skip
    path = tmp_path / "layout.json"
    path.write_text(json.dumps(own), encoding="utf-8")
    form = FileForm(load_layout(path), "100", FORM.sender, FORM.receiver)
    control, _, reading, _ = (
        write_idocs(form, BATCH, [Idoc(1, [upload_row(ONE, "1")] * 2)], WRITTEN).decode().split("\n")[:4]
    )
    assert control[39:44] == "ZMR01"
    assert (reading[:6], reading[63:84]) == ("Z1READ", "4103000001 152.5     ")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"idoc_type": 1}'])
def test_layout_that_is_none_is_an_error_that_names_the_setting(tmp_path: Path, content: str) -> None:
    path = tmp_path / "layout.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(IdocError, match="BILLSYNC_SAP_IDOC_LAYOUT"):
        load_layout(path)


@pytest.mark.parametrize("value", ["x" * 33, "15\n2", "é"])
def test_value_that_does_not_fit_its_field_is_refused(value: str) -> None:
    with pytest.raises(IdocError, match="READINGRESULT"):
        write_idocs(FORM, BATCH, [Idoc(1, [{"READINGRESULT": value}])], WRITTEN)


def test_file_appears_whole_once_and_never_changes(tmp_path: Path) -> None:
    path = put(tmp_path, "B1", b"one")
    written = path.stat().st_mtime_ns
    assert put(tmp_path, "B1", b"one") == path
    assert path.stat().st_mtime_ns == written
    with pytest.raises(PermanentError, match="something else"):
        put(tmp_path, "B1", b"two")
    assert [one.name for one in tmp_path.iterdir()] == ["B1.idoc"]
    assert path.read_bytes() == b"one"


def test_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TransientError, match="No space left") as raised:
        put(tmp_path, "B1", b"one")
    assert not raised.value.outcome_unknown
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_is_an_error_that_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="BILLSYNC_SAP_IDOC_OUTBOX"):
        put(tmp_path / "none", "B1", b"one")
