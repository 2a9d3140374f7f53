"""Interval values of a profile's day as text and as messages; expected values written by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from loaders.sap_isu.soap.envelope import write_message
from loaders.sap_isu.soap.time_series import (
    CHANGE,
    CREATE,
    QualityRange,
    SeriesError,
    SeriesMessage,
    compose_series,
    values_text,
)

DAY = date(2026, 3, 5)
ONE = "0A0A0A0A-0000-4000-8000-000000000001"
BULK = "0A0A0A0A-0000-4000-8000-0000000000FF"
STATUSES = {"A": "W", "E": "P"}


def text(delivered: list[str], **more: object) -> str:
    arguments = {
        "interval_minutes": 1440 // len(delivered), "kwh_factor": Decimal(1), "day_flag": "A", "ranges": [],
        "statuses": STATUSES, **more,
    }  # fmt: skip
    return values_text(",".join(delivered), **arguments)  # type: ignore[arg-type]


def test_values_are_kwh_with_the_status_of_their_quality() -> None:
    written = text(["250"] * 47 + ["0.50"], kwh_factor=Decimal("0.001")).split(";")
    assert (written[0], written[46], written[47]) == ("0.25 W", "0.25 W", "0.0005 W")


def test_v_day_has_the_quality_of_each_interval_and_none_where_a_value_is_missing() -> None:
    ranges = [QualityRange(1, 2, "A"), QualityRange(4, 4, "N")]
    written = text(["1"] * 48, day_flag="V", ranges=ranges).split(";")
    assert written[:6] == ["1 W", "1 W", "1 P", "", "1 P", "1 P"]
    assert len(written) == 48


@pytest.mark.parametrize(
    ("delivered", "more", "why"),
    [
        (["1"] * 48, {"day_flag": "S"}, "quality S"),
        (["1"] * 48, {"interval_minutes": 15}, "48 values of 15 minutes"),
        (["x"] + ["1"] * 47, {}, "no number"),
        (["0.000000000000001"] + ["1"] * 47, {}, "more than 14 places"),
    ],
)
def test_day_that_cannot_be_sent_says_why(delivered: list[str], more: dict[str, object], why: str) -> None:
    with pytest.raises(SeriesError, match=why):
        text(delivered, **more)


def test_first_message_creates_every_interval_in_utc_and_fits_the_schema() -> None:
    message = SeriesMessage("000000000000004711", DAY, 30, None, ";".join(["0.25 W", *[""] * 46, "0.5 P"]))
    root = compose_series(BULK, [(ONE, message)], sender="BILLSYNC", created_at=datetime(2026, 3, 6, tzinfo=UTC))
    write_message(root)
    assert root.tag == "{http://sap.com/xi/SAPGlobal20/Global}" + CREATE
    series = root.find("UtilitiesTimeSeriesERPItemCreateRequestMessage/UtilitiesTimeSeries")
    assert series is not None
    assert series.findtext("ID") == "000000000000004711"
    items = [
        (
            item.findtext("Quantity"),
            item.findtext("UTCValidityStartDateTime"),
            item.findtext("UTCValidityEndDateTime"),
            item.findtext("ItemStatus/UtilitiesTimeSeriesItemTypeCode"),
        )
        for item in series.findall("Item")
    ]
    assert items == [
        ("0.25", "2026-03-04T14:00:00Z", "2026-03-04T14:30:00Z", "W"),
        ("0.5", "2026-03-05T13:30:00Z", "2026-03-05T14:00:00Z", "P"),
    ]
    assert series.find("Item/Quantity").get("unitCode") == "KWH"  # type: ignore[union-attr]


def test_change_holds_only_intervals_that_differ_and_takes_values_away() -> None:
    before = ";".join(["1 W", "2 W", "3 P", *["0 W"] * 45])
    now = ";".join(["1 W", "2.5 W", "", *["0 W"] * 45])
    message = SeriesMessage("4711", DAY, 30, before, now)
    root = compose_series(BULK, [(ONE, message)], sender="", created_at=datetime(2026, 3, 6, tzinfo=UTC))
    write_message(root)
    assert message.interface == CHANGE
    items = root.findall(".//Item")
    assert [(item.findtext("Quantity"), item.findtext("UTCValidityStartDateTime")) for item in items] == [
        ("2.5", "2026-03-04T14:30:00Z"),
        (None, "2026-03-04T15:00:00Z"),
    ]
    assert items[1].findtext("ItemStatus/UtilitiesTimeSeriesItemTypeCode") == "P"


def test_change_of_the_interval_length_sends_the_whole_day() -> None:
    message = SeriesMessage("4711", DAY, 5, ";".join(["1 W"] * 48), ";".join(["1 W"] * 288))
    assert len(list(message.entries())) == 288


def test_message_is_another_one_when_its_content_is() -> None:
    create = SeriesMessage("4711", DAY, 30, None, ";".join(["1 W"] * 48))
    whole_change = SeriesMessage("4711", DAY, 30, "", ";".join(["1 W"] * 48))
    assert create.key == whole_change.key == "profile|4711|2026-03-05"
    assert create.content_hash != whole_change.content_hash
    assert create.content_hash == SeriesMessage("4711", DAY, 30, None, ";".join(["1 W"] * 48)).content_hash
