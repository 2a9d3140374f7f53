"""Data that come late, revised or in conflict, over two billing days against the sandbox's SAP.

One story, told in order: day D with one meter's last day missing and one in conflict; SAP bills; on D+1 the missing day
and a revision of a billed day arrive; both days are run again; a person waives the conflict, and D is run once more; a
person replaces one channel-day's read and excludes another's, and D+1 is run once more.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from .deliveries import Delivered, deliver, records, take_away
from .harness import Retailer, Row, assert_balanced, differences, sandboxed

pytestmark = pytest.mark.e2e

D, NEXT = "2026-03-05", "2026-03-06"
EDITED_KWH = "7.25"


@dataclass(frozen=True)
class Story:
    """The retailer after the story, and what was seen on the way."""

    retailer: Retailer
    contracts: dict[str, str]
    nmis: dict[str, str]
    bills: dict[str, dict[str, Row]]
    documents: dict[str, list[Row]]
    again: dict[str, dict[str, list[str]]]


def bills(retailer: Retailer) -> dict[str, Row]:
    rows = retailer.fetch(
        "select contract_id, status, bill_version, usage_kwh, status_reason from marts.fct_shadow_bills"
    )
    return {row[0]: row[1:] for row in rows}


def closing(retailer: Retailer) -> list[tuple[str, str]]:
    """Contracts that close on D and whose interval data come by file, with their NMI."""
    rows = retailer.retailer(
        "select distinct o.contract_id, s.nmi from meter_reading_orders o join contracts c using (contract_id) "
        "join service_points s using (nmi) where o.scheduled_read_date = '2026-03-05' and s.delivery = 'FILE' "
        "and s.meter_type <> 'BASIC' order by 1"
    )
    landing = retailer.sandbox / "landing"
    return [
        (contract, nmi) for contract, nmi in rows if records(landing, D, nmi) and records(landing, "2026-03-02", nmi)
    ]


def energy_day(landing: Path, nmi: str) -> Delivered:
    """A channel-day of energy taken from the grid that was delivered before D."""
    return next(one for one in records(landing, "2026-03-02", nmi) if one.suffix.startswith("E"))


def market_date(day: Delivered) -> str:
    return f"{day.record[1][:4]}-{day.record[1][4:6]}-{day.record[1][6:]}"


def edit(retailer: Retailer, verb: str, day: Delivered, *more: str) -> None:
    words = ("--nmi", day.nmi, "--suffix", day.suffix, "--date", market_date(day), *more, "--reason", "check read")
    done = retailer.call("reads", verb, *words)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    root = tmp_path_factory.mktemp("late data")
    with sandboxed(root, "--service-points", "40", "--days", "10", "--day", D, "--closings", "12") as retailer:
        landing: Path = retailer.sandbox / "landing"
        chosen = dict(zip(("late", "revised", "conflicting", "edited", "excluded"), closing(retailer), strict=False))
        contracts = {name: contract for name, (contract, _) in chosen.items()}
        nmis = {name: nmi for name, (_, nmi) in chosen.items()}
        missing = take_away(landing, D, nmis["late"])
        deliver(landing, "2026-03-04", "conflict.csv", [energy_day(landing, nmis["conflicting"]).more(3)])
        seen: dict[str, dict[str, Row]] = {}
        documents: dict[str, list[Row]] = {}
        again: dict[str, dict[str, list[str]]] = {}

        retailer.run(D)
        seen["D"], documents["D"] = bills(retailer), retailer.sap_documents()
        assert retailer.call("sandbox", "bill").returncode == 0
        billed = energy_day(landing, nmis["revised"])
        deliver(landing, NEXT, "late.csv", [*missing, billed.more(7, updated="20260306090000")])
        retailer.run(NEXT)
        seen["next"], documents["next"] = bills(retailer), retailer.sap_documents()
        before = retailer.marts()
        retailer.run(D)
        again["D"] = differences(before, retailer.marts())
        retailer.run(NEXT)
        again["next"] = differences(before, retailer.marts())
        documents["again"] = retailer.sap_documents()
        for row in json.loads(retailer.call("exceptions", "list", "--nmi", nmis["conflicting"], "--json").stdout):
            assert retailer.call("exceptions", "waive", row["exception_id"], "--reason", "asked").returncode == 0
        retailer.run(D)
        seen["waived"], documents["waived"] = bills(retailer), retailer.sap_documents()
        replaced, excluded = (energy_day(landing, nmis[name]) for name in ("edited", "excluded"))
        values = ",".join([EDITED_KWH, *["0"] * (replaced.value_count - 1)])
        edit(retailer, "edit", replaced, "--values", values)
        edit(retailer, "exclude", excluded)
        retailer.run(NEXT)
        seen["edited"] = bills(retailer)
        yield Story(retailer, contracts, nmis, seen, documents, again)


def loaded(story: Story, when: str, name: str) -> list[Row]:
    """SAP's documents for a contract's devices."""
    devices = {device for (device,) in story.retailer.retailer(
        f"select device_id from meter_reading_orders where contract_id = '{story.contracts[name]}'")}  # fmt: skip
    return [row for row in story.documents[when] if devices & {str(value) for value in row}]


def test_missing_day_holds_the_bill_of_its_day(story: Story) -> None:
    status, _, _, reason = story.bills["D"][story.contracts["late"]]
    assert status == "HELD"
    assert "READ_MISSING_DAY" in reason
    assert loaded(story, "D", "late") == []


def test_late_day_closes_the_bill_on_the_next_run_with_one_document_dated_on_its_own_day(story: Story) -> None:
    assert story.bills["next"][story.contracts["late"]][0] == "READY"
    registers = story.retailer.retailer(
        f"select count(*) from meter_reading_orders where contract_id = '{story.contracts['late']}'"
    )[0][0]
    assert len(loaded(story, "next", "late")) == registers
    rows = story.retailer.fetch(
        "select distinct billing_day, reading_date, load_status from marts.fct_isu_meter_readings "
        "where contract_id = ?",
        [story.contracts["late"]],
    )
    assert [(str(day), str(read), status) for day, read, status in rows] == [(D, D, "CONFIRMED")]


def test_every_other_bill_is_untouched_by_its_neighbours_trouble(story: Story) -> None:
    others = {contract: row for contract, row in story.bills["D"].items() if contract not in story.contracts.values()}
    assert {row[0] for row in others.values()} == {"READY"}
    assert others == {contract: story.bills["next"][contract] for contract in others}


def test_revision_makes_a_new_version_and_keeps_the_old_one(story: Story) -> None:
    before, after = (story.bills[when][story.contracts["revised"]] for when in ("D", "next"))
    assert (before[1], after[1]) == (1, 2)
    assert after[2] > before[2]
    versions = story.retailer.fetch(
        "select bill_version, usage_kwh from marts.fct_shadow_bill_versions where contract_id = ? order by 1",
        [story.contracts["revised"]],
    )
    assert versions == [(1, before[2]), (2, after[2])]


def test_revision_of_what_sap_has_billed_asks_for_a_reversal_and_sends_nothing(story: Story) -> None:
    # Billing moves the status of SAP's document; number, register and value are what loading could have changed.
    before, after = ([row[:4] for row in loaded(story, when, "revised")] for when in ("D", "next"))
    assert after == before
    assert len(after) > 0
    states = story.retailer.fetch(
        "select distinct load_status from marts.fct_isu_meter_readings where contract_id = ? and usage_kwh > 0",
        [story.contracts["revised"]],
    )
    assert ("REVERSAL_NEEDED",) in states


def test_running_both_days_again_changes_neither_marts_nor_sap(story: Story) -> None:
    assert story.again == {"D": {}, "next": {}}
    assert story.documents["again"] == story.documents["next"]


def test_conflict_bills_nothing_until_a_person_decides(story: Story) -> None:
    for when in ("D", "next"):
        assert story.bills[when][story.contracts["conflicting"]][0] == "HELD"
        assert loaded(story, when, "conflicting") == []
    assert story.bills["waived"][story.contracts["conflicting"]][0] == "READY"
    assert len(loaded(story, "waived", "conflicting")) > 0


def test_edited_read_is_in_the_bill_with_exactly_its_energy(story: Story) -> None:
    day = energy_day(story.retailer.sandbox / "landing", story.nmis["edited"])
    (edited,) = story.retailer.fetch(
        "select source, usage_kwh, substituted_interval_count from marts.fct_daily_usage "
        "where nmi = ? and nmi_suffix = ? and market_date = ?",
        [day.nmi, day.suffix, market_date(day)],
    )
    assert edited == ("MANUAL", Decimal(EDITED_KWH), day.value_count)
    unit = Decimal("0.001") if day.header[7].upper() == "WH" else Decimal(1)
    delivered = sum(Decimal(value) for value in day.record[2 : 2 + day.value_count]) * unit
    before, after = (story.bills[when][story.contracts["edited"]][2] for when in ("waived", "edited"))
    assert after - before == Decimal(EDITED_KWH) - delivered


def test_excluded_read_holds_its_bill_again(story: Story) -> None:
    assert story.bills["waived"][story.contracts["excluded"]][0] == "READY"
    status, _, _, reason = story.bills["edited"][story.contracts["excluded"]]
    assert (status, "READ_PARTIAL_DAY" in reason or "READ_MISSING_DAY" in reason) == ("HELD", True)


def test_every_stage_of_every_day_balances(story: Story) -> None:
    assert_balanced(story.retailer)
