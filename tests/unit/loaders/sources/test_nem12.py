"""What the interval reader keeps, what it rejects and why."""

from __future__ import annotations

import pytest

from tests.unit.loaders.sources.meter_harness import day, header, mdff, read_files, read_text


def test_interval_record_well_formed_is_tagged_with_its_header() -> None:
    values = [f"{number}.125" for number in range(48)]
    staged = read_text(mdff(header(), day(values, tail="S14,8,vacant,20260305010000,20260305020000")))
    (row,) = staged.intervals
    assert row["values_text"] == ",".join(values)
    assert (row["nmi"], row["nmi_suffix"], row["interval_length_minutes"], row["value_count"]) == (
        "4103000011",
        "E1",
        30,
        48,
    )
    assert (row["unit"], row["meter_serial_number"], row["register_id"]) == ("kWh", "MTR001", "1")
    assert (row["quality_method"], row["reason_code"], row["reason_description"]) == ("S14", "8", "vacant")
    assert (row["update_text"], row["msats_load_text"]) == ("20260305010000", "20260305020000")
    assert (row["interval_date"], row["line_number"], row["file_created_text"]) == ("20260304", 3, "202603050100")
    assert row["source"] == "FILE"
    assert len(row["content_hash"]) == 32


def test_file_row_counts_records_and_tells_header_and_end() -> None:
    staged = read_text(mdff(header(), day(), "400,1,48,A,79,", "500,N,SO1,20260305000000,000123.4", "999,what"))
    (row,) = staged.files
    assert (row["record_count"], row["accepted_record_count"], row["rejected_record_count"]) == (7, 6, 1)
    assert (row["has_header"], row["has_end"], row["status"], row["version_header"]) == (1, 1, "ACCEPTED", "NEM12")
    assert (row["from_participant"], row["to_participant"], row["line_count"]) == ("MDP1", "RET1", 7)


def test_event_and_detail_are_tied_to_their_interval_record() -> None:
    staged = read_text(
        mdff(
            header(),
            day(tail="V,,,20260305010000,"),
            "400,1,20,F55,1,",
            "400,21,48,A,,",
            "500,G,SO9,20260304110000,000950.0",
        )
    )
    events = staged["meter_interval_events"]
    assert [
        (e["parent_line_number"], e["start_interval"], e["end_interval"], e["quality_method"], e["reason_code"])
        for e in events
    ] == [
        (3, "1", "20", "F55", "1"),
        (3, "21", "48", "A", None),
    ]
    (detail,) = staged["meter_b2b_details"]
    assert (detail["parent_line_number"], detail["record_indicator"], detail["trans_code"]) == (3, "500", "G")
    assert (detail["ret_service_order"], detail["read_text"], detail["index_read"]) == (
        "SO9",
        "20260304110000",
        "000950.0",
    )


@pytest.mark.parametrize(("minutes", "count"), [("5", 288), ("05", 288), ("15", 96), ("30", 48), ("10", 144)], ids=str)
def test_interval_length_that_divides_a_half_hour_is_kept(minutes: str, count: int) -> None:
    staged = read_text(mdff(header(minutes=minutes), day(["1"] * count)))
    assert [row["value_count"] for row in staged.intervals] == [count]
    assert staged.intervals[0]["interval_length_minutes"] == int(minutes)


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ("200,,E1,1,E1,N1,MTR001,kWh,30,", "NMI_MISSING"),
        ("200,4103000011,E1,1,,N1,MTR001,kWh,30,", "NMI_SUFFIX_MISSING"),
        ("200,4103000011,E1,1,E1,N1,MTR001,kWh,,", "INTERVAL_LENGTH_MISSING"),
        ("200,4103000011,E1,1,E1,N1,MTR001,kWh,7,", "INTERVAL_LENGTH_INVALID"),
        ("200,4103000011,E1,1,E1,N1,MTR001,kWh,60,", "INTERVAL_LENGTH_INVALID"),
        ("200,4103000011,E1,1,E1,N1,MTR001,kWh,thirty,", "INTERVAL_LENGTH_INVALID"),
        ("200", "NMI_MISSING"),
        (f"200,{'4' * 41},E1,1,E1,N1,MTR001,kWh,30,", "NMI_TOO_LONG"),
        (f"200,{'é' * 21},E1,1,E1,N1,MTR001,kWh,30,", "NMI_TOO_LONG"),
        (f"200,4103000011,E1,1,{'E' * 21},N1,MTR001,kWh,30,", "NMI_SUFFIX_TOO_LONG"),
    ],
)
def test_header_that_cannot_tag_is_rejected_with_its_interval_records(record: str, code: str) -> None:
    staged = read_text(mdff(header(nmi="OTHERNMI01"), day(), record, day(), "400,1,48,A,,"))
    assert staged.rejects == [(4, code), (5, "INTERVAL_WITHOUT_HEADER"), (6, "EVENT_WITHOUT_INTERVAL_RECORD")]
    # The 300 below a rejected 200 must not be tagged with the 200 before that.
    assert [row["line_number"] for row in staged.intervals] == [3]


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (day(["1"] * 47), "WRONG_VALUE_COUNT"),
        (day(["1"] * 49), "WRONG_VALUE_COUNT"),
        (day(["1"] * 96), "WRONG_VALUE_COUNT"),
        (day(["1"] * 47 + ["x"]), "VALUE_NOT_NUMERIC"),
        (day(["1"] * 47 + ["1.2.3"]), "VALUE_NOT_NUMERIC"),
        (day(["1"] * 47 + ["."]), "VALUE_NOT_NUMERIC"),
        (day(["."] + ["1"] * 47), "VALUE_NOT_NUMERIC"),
        (day(["1"] * 20 + ["1e-3"] + ["1"] * 27), "VALUE_NOT_NUMERIC"),
        (day(["1"] * 20 + ["\u0663"] + ["1"] * 27), "VALUE_NOT_NUMERIC"),
        (day(["1"] * 20 + ["12345678901.5"] + ["1"] * 27), "VALUE_OUT_OF_RANGE"),
        (day(on=""), "INTERVAL_DATE_MISSING"),
        (day(on="20260230"), "INTERVAL_DATE_INVALID"),
        (day(on="4/03/2026"), "INTERVAL_DATE_INVALID"),
        (day(on="00010101"), "INTERVAL_DATE_INVALID"),
        (day(tail="A,,fire, flood and more,20260305010000,20260305020000"), "EXTRA_FIELDS"),
        ("300,20260304,V,,,20260305010000,", "WRONG_VALUE_COUNT"),
        ("300", "INTERVAL_DATE_MISSING"),
    ],
)
def test_interval_record_broken_in_structure_is_rejected_by_itself(record: str, code: str) -> None:
    staged = read_text(mdff(header(), record, day(on="20260305")))
    assert staged.rejects == [(3, code)]
    assert [row["interval_date"] for row in staged.intervals] == ["20260305"]
    assert staged["rejected_records"][0]["nmi"] == "4103000011"


@pytest.mark.parametrize(
    "values",
    [
        [""] + ["1"] * 47,
        ["1"] * 47 + [""],
        [""] * 48,
        ["-0.5"] + ["1"] * 47,
        [".02"] + ["5."] + ["1"] * 46,
        ["0.12345678901234"] * 48,
        ["000000000000.5"] + ["1"] * 47,
    ],
    ids=["first missing", "last missing", "all missing", "negative", "no leading zero", "14 decimals", "leading zeros"],
)
def test_values_odd_but_readable_are_kept_as_delivered(values: list[str]) -> None:
    staged = read_text(mdff(header(), day(values)))
    assert [row["values_text"] for row in staged.intervals] == [",".join(values)]
    assert staged.rejects == []


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        ("A,,,20260305010000", ("A", "20260305010000", None)),
        ("A,", ("A", None, None)),
        ("A", ("A", None, None)),
        ("A,,,202603050100000,", ("A", "202603050100000", None)),
        ("A,,,20260305010000,20260305020000,,,,,,", ("A", "20260305010000", "20260305020000")),
        ("T,,,20260305010000,", ("T", "20260305010000", None)),
        (",,,20260305010000,", (None, "20260305010000", None)),
    ],
    ids=["no load time", "portal", "bare", "15 digits", "padded", "unknown flag", "no quality"],
)
def test_trailing_fields_of_any_length_are_taken_as_they_are(tail: str, expected: tuple[str | None, ...]) -> None:
    staged = read_text(mdff(header(), day(tail=tail)))
    (row,) = staged.intervals
    assert (row["quality_method"], row["update_text"], row["msats_load_text"]) == expected


def test_interval_record_broken_at_commas_over_three_lines_is_joined_and_counts_once() -> None:
    first, rest = day().split(",", 2)[:2], day().split(",", 2)[2]
    middle, end = rest[: 4 * 24], rest[4 * 24 :]
    assert middle.endswith(",")
    staged = read_text(mdff(header(), ",".join(first) + ",", middle, end, "400,1,48,A,79,"))
    (row,) = staged.intervals
    assert row["values_text"] == ",".join(["0.5"] * 48)
    assert row["line_number"] == 3
    assert staged["meter_interval_events"][0]["parent_line_number"] == 3
    assert staged.files[0]["record_count"] == 5
    assert staged.rejects == []


def test_interval_record_broken_inside_a_number_is_rejected_line_by_line() -> None:
    record = day(["12.75"] * 48)
    cut = record.index("12.75,12.75,12.75") + 3
    staged = read_text(mdff(header(), record[:cut], record[cut:], day(on="20260305")))
    assert staged.rejects == [(3, "WRONG_VALUE_COUNT"), (4, "UNKNOWN_RECORD")]
    assert [row["interval_date"] for row in staged.intervals] == ["20260305"]


def test_broken_record_that_is_never_completed_is_rejected_with_its_lines() -> None:
    staged = read_text(mdff(header(), "300,20260304,1,2,", "3,4,", day(on="20260305")))
    assert staged.rejects == [(3, "WRONG_VALUE_COUNT"), (4, "RECORD_BROKEN")]
    assert len(staged.intervals) == 1


def test_body_repeated_after_the_end_record_is_read_again() -> None:
    body = f"\r\n{header()}\r\n{day()}\r\n900\r\n"
    staged = read_text(body + body)
    assert [row["line_number"] for row in staged.intervals] == [3, 7]
    assert len({row["content_hash"] for row in staged.intervals}) == 1
    assert (staged.files[0]["has_header"], staged.files[0]["has_end"]) == (0, 1)


def test_interval_record_after_the_end_record_has_no_header() -> None:
    staged = read_text(mdff(header(), day()) + day() + "\r\n")
    assert staged.rejects == [(5, "INTERVAL_WITHOUT_HEADER")]
    assert staged.files[0]["has_end"] == 0


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        (lambda text: text.replace("4103000011", "4103000012"), True),
        (lambda text: text.replace("kWh", "KWH"), True),
        (lambda text: text.replace("20260305010000", "20260306010000"), True),
        (lambda text: text.replace("0.5,0.5", "0.5,0.6", 1), False),
        (lambda text: text.replace("kWh", "Wh"), False),
        (lambda text: text.replace("400,1,48,S14,8,", "400,1,48,F14,8,"), False),
        (lambda text: text.replace("400,1,48,S14,8,\r\n", ""), False),
    ],
    ids=["other meter", "unit's case", "stamp", "value", "unit", "event's quality", "no event"],
)
def test_content_hash_covers_length_unit_values_quality_and_events(change: object, is_same: bool) -> None:
    text = mdff(header(), day(tail="V,,,20260305010000,"), "400,1,48,S14,8,")
    changed = change(text)  # type: ignore[operator]
    assert changed != text
    staged = read_files({"a.csv": text.encode(), "b.csv": changed.encode()})
    one, other = (row["content_hash"] for row in staged.intervals)
    assert (one == other) is is_same


@pytest.mark.parametrize(
    "text", ["", "\r\n\r\n", ",,,,\r\n", "\ufeff"], ids=["zero bytes", "blank lines", "commas", "mark"]
)
def test_file_without_records_is_accepted_and_has_neither_header_nor_end(text: str) -> None:
    staged = read_text(text)
    (row,) = staged.files
    assert (row["record_count"], row["has_header"], row["has_end"], row["status"]) == (0, 0, 0, "ACCEPTED")


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + mdff(header(), day()),
        mdff(header(), day()).replace("\r\n", "\n"),
        mdff(header(), day()).replace("\r\n", "\r"),
        mdff(header(), day()).replace("\r\n", " \r\n"),
        mdff(header(), day()).replace("\r\n", ",,,,\r\n"),
        mdff(header(), day()).replace("\r\n", "\r\n\r\n"),
        mdff(*(",".join(f'"{field}"' for field in record.split(",")) for record in (header(), day()))),
        mdff(header(), day()) + "\x1a",
    ],
    ids=["mark", "line feeds", "returns", "spaces", "padding", "blank lines", "quotes", "control z"],
)
def test_file_written_in_another_way_gives_the_same_energy(text: str) -> None:
    (expected,) = read_text(mdff(header(), day())).intervals
    staged = read_text(text)
    (row,) = staged.intervals
    kept = set(expected) - {"line_number"}
    assert {name: row[name] for name in kept} == {name: expected[name] for name in kept}
    assert (staged.files[0]["has_header"], staged.files[0]["has_end"]) == (1, 1)
    assert staged.rejects == []


def test_windows_1252_text_in_a_description_is_decoded() -> None:
    staged = read_text(mdff(header(), day(tail="S14,0,caf\xe9,20260305010000,")).encode("cp1252"))
    assert staged.intervals[0]["reason_description"] == "caf\xe9"


def test_nmi_that_is_only_text_is_kept() -> None:
    staged = read_text(mdff(header(nmi="(redacted)"), day()))
    assert [row["nmi"] for row in staged.intervals] == ["(redacted)"]


@pytest.mark.parametrize(
    ("end", "kept", "rejects"),
    [
        (day() + "\r\n", 1, []),
        (day(), 1, []),
        (day()[:-3], 0, [(3, "RECORD_CUT_OFF")]),
        (day()[:-15], 0, [(3, "RECORD_CUT_OFF")]),
        (day()[:80], 0, [(3, "RECORD_CUT_OFF")]),
        (day() + "\r\n400,1,4", 1, [(4, "RECORD_CUT_OFF")]),
        (day() + "\r\n500,N,SO", 1, [(4, "RECORD_CUT_OFF")]),
        (day() + "\r\n200,41030", 1, [(4, "RECORD_CUT_OFF")]),
        (day() + "\r\n90", 1, [(4, "UNKNOWN_RECORD")]),
    ],
    ids=[
        "whole line",
        "whole record",
        "in a stamp",
        "before a stamp",
        "in the values",
        "event",
        "detail",
        "header",
        "end",
    ],
)
def test_file_cut_off_keeps_whole_records_and_rejects_the_last(
    end: str, kept: int, rejects: list[tuple[int, str]]
) -> None:
    staged = read_text(f"100,NEM12,202603050100,MDP1,RET1\r\n{header()}\r\n{end}")
    assert len(staged.intervals) == kept
    assert staged.rejects == rejects
    assert staged.files[0]["has_end"] == 0


def test_line_longer_than_any_record_is_rejected_and_reading_goes_on() -> None:
    staged = read_text(mdff(header(), "300,20260304," + "1," * 700_000, day(on="20260305")))
    assert staged.rejects == [(3, "LINE_TOO_LONG")]
    assert [row["line_number"] for row in staged.intervals] == [4]


@pytest.mark.parametrize(
    ("records", "rejects"),
    [
        (["400,1,48,A,,"], [(2, "EVENT_WITHOUT_INTERVAL_RECORD")]),
        (["500,N,,20260304,1"], [(2, "DETAIL_WITHOUT_RECORD")]),
        (["550,N,,A,"], [(2, "DETAIL_WITHOUT_RECORD")]),
        ([header(), "400,1,48,A,,"], [(3, "EVENT_WITHOUT_INTERVAL_RECORD")]),
        ([header(), day(), "400,,,A,,"], [(4, "EVENT_INTERVALS_INVALID")]),
        ([header(), day(), "400,one,2,A,,"], [(4, "EVENT_INTERVALS_INVALID")]),
        ([header(), day(), "550,N,,A,"], [(4, "DETAIL_WITHOUT_RECORD")]),
        ([day()], [(2, "INTERVAL_WITHOUT_HEADER")]),
        (
            ["NMI,METER SERIAL NUMBER,DATE", "6001000004,1,2023-07-19,0.1"],
            [(2, "UNKNOWN_RECORD"), (3, "UNKNOWN_RECORD")],
        ),
    ],
)
def test_record_out_of_place_is_rejected(records: list[str], rejects: list[tuple[int, str]]) -> None:
    assert read_text(mdff(*records)).rejects == rejects
