"""A person's edit is a read version: it wins, is billed, outranked by later deliveries, and can be taken back."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from loaders.operational_db import open_engine, upgrade
from loaders.read_edits import EDIT, EXCLUDE, READ, NewEdit, ReadEdits, extract_read_edits, revised_read
from loaders.warehouse import open_warehouse
from tests.integration.revised_bills import HALF_KWH, RevisedBills, basic_case, flat_case
from tests.properties.pricing_warehouse import nmi_of

FIRST, LAST, LATER = date(2026, 2, 1), date(2026, 2, 28), date(2026, 3, 1)
DAY = date(2026, 2, 10)
EDITED, EXCLUDED, OUTRANKED, BASIC = "0000000001", "0000000002", "0000000003", "0000000004"


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder: Path = tmp_path_factory.mktemp("edited")
    bills = RevisedBills(folder)
    bills.built.load(
        [*(flat_case(key, FIRST, LAST) for key in (EDITED, EXCLUDED, OUTRANKED)), basic_case(BASIC, FIRST, LAST)]
    )
    bills.deliver_read(BASIC, LAST, (date(2026, 1, 31), LAST), 28 * 24)
    bills.seed(LAST)
    bills.run(LAST)
    engine = open_engine(f"sqlite:///{folder}/ledger.db")
    upgrade(engine)
    edits = ReadEdits(engine)
    warehouse = open_warehouse("duckdb", duckdb_path=bills.built.path)

    def extract(name: str) -> None:
        warehouse.replace(extract_read_edits(edits, folder / name).writes)

    def seen() -> dict[str, Any]:
        usage = bills.fetch(f"select * from marts.fct_daily_usage where market_date = '{DAY}'")
        names = {nmi_of(key): key for key in (EDITED, EXCLUDED, OUTRANKED)}
        return {names[row["nmi"]]: row for row in usage if row["nmi"] in names}

    def basic_bill() -> dict[str, Any]:
        [bill] = bills.fetch(f"select * from marts.fct_shadow_bills where contract_id = '{BASIC}'")
        return bill

    values = [Decimal(1)] * 48
    number = edits.add(NewEdit(EDIT, nmi_of(EDITED), "E1", DAY, values, LAST), actor="ann", reason="check read")
    edits.add(NewEdit(EXCLUDE, nmi_of(EXCLUDED), "E1", DAY, [], LAST), actor="ann", reason="tamper")
    edits.add(NewEdit(EDIT, nmi_of(OUTRANKED), "E1", DAY, values, LAST), actor="ann", reason="guess")
    [delivered] = bills.fetch("select * from raw.meter_accumulation_records")
    of_basic = edits.add(
        NewEdit(READ, nmi_of(BASIC), "11", LAST, [], LAST, None, revised_read(delivered, "1280", "280")),
        actor="ann", reason="misread",
    )  # fmt: skip
    extract("one")
    bills.run(LAST)
    found = {"edited": seen() | {BASIC: basic_bill()}}
    for edit_id in (number, of_basic):
        edits.withdraw(edit_id, actor="bob", reason="wrong meter")
    extract("two")
    bills.deliver(LATER, OUTRANKED, DAY, [HALF_KWH * 3] * 48, "20260301100000")
    bills.run(LATER)
    found["later"] = seen()
    found["bills"] = {row["contract_id"]: row for row in bills.fetch("select * from marts.fct_shadow_bills")}
    engine.dispose()
    return found


def test_edit_wins_over_what_was_delivered(days: dict[str, dict[str, Any]]) -> None:
    edited = days["edited"][EDITED]
    assert (edited["usage_kwh"], edited["source"], edited["substituted_interval_count"]) == (48, "MANUAL", 48)


def test_excluded_read_is_missing_and_estimated_beside(days: dict[str, dict[str, Any]]) -> None:
    excluded = days["edited"][EXCLUDED]
    assert (excluded["usage_kwh"], excluded["filled_kwh"], excluded["missing_interval_count"]) == (0, 24, 48)


def test_withdrawn_edit_gives_the_delivered_read_back(days: dict[str, dict[str, Any]]) -> None:
    assert (days["later"][EDITED]["usage_kwh"], days["later"][EDITED]["source"]) == (24, "FILE")
    assert days["bills"][EDITED]["total_inc_gst_aud"] == Decimal("252.56")


def test_later_stamp_of_the_provider_wins_over_the_edit(days: dict[str, dict[str, Any]]) -> None:
    assert (days["later"][OUTRANKED]["usage_kwh"], days["later"][OUTRANKED]["source"]) == (72, "FILE")


def test_revised_read_of_a_basic_meter_is_billed_and_taken_back_with_its_edit(days: dict[str, dict[str, Any]]) -> None:
    # 28 days at 1.00 and 280 kWh at 0.30 are 112.00 ex GST; with the delivered 672 kWh 229.60.
    edited, later = days["edited"][BASIC], days["bills"][BASIC]
    assert (edited["usage_kwh"], edited["total_inc_gst_aud"], edited["has_substitutes"]) == (280, Decimal("123.20"), 1)
    assert (later["usage_kwh"], later["total_inc_gst_aud"], later["has_substitutes"]) == (672, Decimal("252.56"), 0)
