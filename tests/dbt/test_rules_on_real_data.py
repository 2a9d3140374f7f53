"""The validation rules on data of real homes: no complete home is held, and what is known to be odd is found.

What is known is worked out here from the published load profiles, without the product's SQL.
"""

from __future__ import annotations

import csv
import gzip
import io
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.dbt.rules_run import Dbt, Found, detect

pytestmark = pytest.mark.shared_data

Days = dict[date, list[str]]
DAY = date(2014, 3, 31)
SINCE = date(2010, 1, 1)


@dataclass(frozen=True)
class Home:
    """A real home under an NMI of ours; values are kWh as published, empty where nothing was."""

    name: str
    number: int
    channels: Mapping[str, Days]

    @property
    def nmi(self) -> str:
        return f"4102{self.number:06d}"


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as stream:
        yield from csv.DictReader(stream)


def _homes_of_2013(folder: Path) -> dict[str, Days]:
    homes: dict[str, Days] = defaultdict(dict)
    for row in _rows(folder / "sgsc_11_homes_2013_halfhour_wide.csv.gz"):
        day = date.fromisoformat(row.pop("Datetime")[:10])
        for name, value in row.items():
            homes[name].setdefault(day, []).append(value)
    return homes


def _households_of_two_years(folder: Path) -> dict[str, Days]:
    homes: dict[str, Days] = defaultdict(dict)
    for row in _rows(folder / "sgsc_10_households_halfhour.csv.gz"):
        day = date.fromisoformat(row["reading_datetime"][:10])
        homes[row["customer_id"]].setdefault(day, []).append(row["general_supply_kwh"])
    return {name: {day: values for day, values in days.items() if len(values) == 48} for name, days in homes.items()}


def _solar_home(folder: Path) -> dict[str, Days]:
    """Net metering: what is not used at once goes to the grid. The file gives mean kW."""
    used: Days = {}
    sent: Days = {}
    for row in _rows(folder / "ausgrid_solar_home_customer12_2011-12.csv.gz"):
        day = date.fromisoformat(row["datetime"][:10])
        net = (Decimal(row["GC_kw"]) - Decimal(row["GG_kw"])) / 2
        used.setdefault(day, []).append(f"{max(net, Decimal(0)):.4f}")
        sent.setdefault(day, []).append(f"{max(-net, Decimal(0)):.4f}")
    return {"E1": used, "B1": sent}


def _file(homes: Sequence[Home]) -> str:
    text = io.StringIO()
    text.write("100,NEM12,201404010000,MDP1,RETAILER\n")
    for home in homes:
        for suffix, days in home.channels.items():
            text.write(f"200,{home.nmi},{''.join(home.channels)},1,{suffix},N1,SN{home.number},KWH,30,\n")
            for day, values in sorted(days.items()):
                text.write(f"300,{day:%Y%m%d},{','.join(values)},A,,,{day + timedelta(1):%Y%m%d}010000,\n")
    return text.getvalue() + "900\n"


def _retailer(homes: Sequence[Home]) -> dict[str, list[dict[str, object]]]:
    tables: dict[str, list[dict[str, object]]] = defaultdict(list)
    for home in homes:
        contract, device = f"C{home.number}", f"D{home.number}"
        first, last = min(home.channels["E1"]), max(home.channels["E1"])
        tables["service_points"].append(
            {"nmi": home.nmi, "jurisdiction": "NSW", "meter_type": "COMMS4D", "delivery": "FILE", "is_vacant": "0",
             "is_life_support": "0", "connection_capability_kw": "14.49"}
        )  # fmt: skip
        tables["contracts"].append({"contract_id": contract, "nmi": home.nmi, "start_date": str(first)})
        tables["devices"].append({"device_id": device, "nmi": home.nmi, "serial_number": f"SN{home.number}"})
        for number, suffix in enumerate(home.channels, start=1):
            register = f"00{number}"
            use = "GENERATION" if suffix == "B1" else "GENERAL"
            tables["registers"].append(
                {"device_id": device, "register_id": register, "nmi_suffix": suffix, "usage_type": use}
            )
            tables["meter_reading_orders"].append(
                {"billing_day": last, "meter_reading_order_id": f"{device}{register}", "contract_id": contract,
                 "device_id": device, "register_id": register, "scheduled_read_date": str(last),
                 "period_start_date": str(last - timedelta(days=29))}
            )  # fmt: skip
    return tables


@pytest.fixture(scope="module")
def real(dbt: Dbt, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Home], list[Found]]:
    """Twenty-two real homes, all their days judged in one run."""
    folder = tmp_path_factory.mktemp("real homes")
    profiles = shared_data / "load_profiles"
    general = {**_homes_of_2013(profiles), **_households_of_two_years(profiles)}
    channels: dict[str, Mapping[str, Days]] = {name: {"E1": days} for name, days in general.items()}
    channels["solar"] = _solar_home(profiles)
    homes = [Home(name, number, one) for number, (name, one) in enumerate(sorted(channels.items()), start=1)]
    landed = folder / "landing" / "nem12" / f"billing_day={DAY}"
    landed.mkdir(parents=True)
    (landed / "homes.csv").write_text(_file(homes), encoding="ascii")
    found = detect(dbt, folder, _retailer(homes), delivered=DAY, since=SINCE)
    # A home's last month closes whether or not it has data.
    return homes, [row for row in found if row[0] != "ORDER_WITHOUT_DATA"]


def _is_complete(home: Home) -> bool:
    days = sorted(home.channels["E1"])
    values = itertools.chain.from_iterable(home.channels["E1"].values())
    return len(days) == (days[-1] - days[0]).days + 1 and all(value != "" for value in values)


def _runs(days: Sequence[date]) -> list[tuple[date, date]]:
    runs: list[tuple[date, date]] = []
    for day in sorted(days):
        if runs and day - runs[-1][1] == timedelta(days=1):
            runs[-1] = (runs[-1][0], day)
        else:
            runs.append((day, day))
    return runs


def test_complete_homes_raise_nothing_that_holds_a_bill(real: tuple[list[Home], list[Found]]) -> None:
    homes, found = real
    complete = {home.nmi for home in homes if _is_complete(home)}
    assert len(complete) >= 7
    assert [row for row in found if row[2] in complete and row[1] != "INFORMATION"] == []


def test_homes_with_gaps_are_held_for_their_gaps_and_nothing_else(real: tuple[list[Home], list[Found]]) -> None:
    _, found = real
    assert {row[0] for row in found if row[1] != "INFORMATION"} <= {"READ_PARTIAL_DAY", "READ_MISSING_DAY"}


def test_days_with_missing_half_hours_are_found_as_runs(real: tuple[list[Home], list[Found]]) -> None:
    homes, found = real
    expected = {
        (home.nmi, *run)
        for home in homes
        for run in _runs([day for day, values in home.channels["E1"].items() if "" in values])
    }
    assert {(row[2], row[3], row[4]) for row in found if row[0] == "READ_PARTIAL_DAY"} == expected
    assert expected


def test_empty_homes_are_found_as_runs_of_a_week_or_more(real: tuple[list[Home], list[Found]]) -> None:
    homes, found = real
    expected = {
        (home.nmi, first, last)
        for home in homes
        for first, last in _runs(
            [
                day
                for day, values in home.channels["E1"].items()
                if "" not in values and all(Decimal(value) == 0 for value in values)
            ]
        )
        if (last - first).days >= 6
    }
    assert {(row[2], row[3], row[4]) for row in found if row[0] == "ZERO_USE"} == expected
    assert sum((last - first).days + 1 for _, first, last in expected) > 100


def test_nothing_else_is_said_of_real_homes(real: tuple[list[Home], list[Found]]) -> None:
    """High and low against last year are for people to see: on the last bill, of homes that really changed."""
    _, found = real
    rules = Counter(row[0] for row in found)
    assert set(rules) <= {"READ_PARTIAL_DAY", "READ_MISSING_DAY", "ZERO_USE", "SEASON_HIGH_LOW"}
    assert rules["SEASON_HIGH_LOW"] <= 2


def test_real_meter_files_show_their_known_faults(dbt: Dbt, shared_data: Path, tmp_path: Path) -> None:
    """No retailer knows these NMIs, so rules that need to know the site pass; what the others say is what is known.

    Four records of AEMO's example NMI NABC001492 overlap, as different examples share it; a battery exports at night.
    """
    landed = tmp_path / "landing" / "nem12"
    landed.mkdir(parents=True)
    (landed / f"billing_day={DAY}").symlink_to(shared_data / "nem12")
    found = detect(dbt, tmp_path, {}, delivered=DAY, since=SINCE)
    nmis: dict[str, set[str]] = defaultdict(set)
    for rule, _, nmi, *_ in found:
        nmis[rule].add(nmi)
    assert nmis["EVENTS_INCOMPLETE"] == {"123", "NEM1223003", "NEM1224004"}
    assert nmis["SUFFIX_NOT_CONFIGURED"] == {"NEM1222002"}
    assert nmis["METER_OVERLAP"] == {"NABC001492"}
    assert nmis["REGISTER_ROLLED_OVER"] == {
        "NEM1313041", "NEM1313042", "NEM1313043", "NEM1313046", "NEM1313047", "NEM1313049", "NEM1313051", "NEM1316101",
        "NEM1318141",
    }  # fmt: skip
    assert {row[2] for row in found if row[0] == "QUALITY_COMBINATION"} == {
        "NEM1204066", "NEM1208146", "NEM1209165", "NEM1209166", "NEM1209167", "NEM1209171", "NEM1314067", "NEM1314071",
        # Interval events: a substitute without a reason, and a substitute under a day that says A.
        "(REDACTED)", "NMI1234567",
        # Basic meters' reads estimated with the reason 77.
        "NEM1315087", "NEM1315091", "NEM1318147", "NEM1318151",
    }  # fmt: skip
    assert nmis.keys() == {
        "EVENTS_INCOMPLETE", "EXPORT_AT_NIGHT", "FILE_CUT_OFF", "FILE_NO_HEADER", "METER_OVERLAP", "NMI_UNKNOWN",
        "QUALITY_COMBINATION", "READ_ESTIMATED", "READ_NEGATIVE", "READ_PARTIAL_DAY", "READ_SUBSTITUTED",
        "RECORD_REJECTED", "REGISTER_ROLLED_OVER", "SUFFIX_NOT_CONFIGURED", "VERSION_CONFLICT",
    }  # fmt: skip
