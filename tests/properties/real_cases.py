"""Every real plan beside every real load shape, as contracts to price."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.properties.plain_pricer import Contract, Json
from tests.properties.pricing_warehouse import Case

Days = dict[date, list[Decimal | None]]
BILL_DAYS = 91
SPANS_THE_PRICE_YEAR = date(2013, 5, 20)


def real_plans(folder: Path) -> list[Json]:
    """Read the register's answers, exact."""
    plans = []
    for path in sorted((folder / "cdr_plans").glob("*.json")):
        answer = json.loads(path.read_text(), parse_float=Decimal)
        plans.append(answer.get("data", answer))
    return plans


def real_loads(folder: Path) -> dict[str, dict[str, dict[date, Sequence[Decimal]]]]:
    """Return the complete days of every home, by home and suffix."""
    profiles = folder / "load_profiles"
    raw: dict[str, dict[str, Days]] = {}
    for row in _rows(profiles / "sgsc_10_households_halfhour.csv.gz"):
        _put(raw, f"sgsc {row['customer_id']}", "E1", row["reading_datetime"], row["general_supply_kwh"])
    for row in _rows(profiles / "sgsc_11_homes_2013_halfhour_wide.csv.gz"):
        for home, value in row.items():
            if home != "Datetime":
                _put(raw, f"home {home}", "E1", row["Datetime"], value)
    for row in _rows(profiles / "ausgrid_solar_home_customer12_2011-12.csv.gz"):
        # The extract carries the noise of binary fractions in the 17th place; a meter reads watt hours.
        net = ((Decimal(row["GC_kw"]) - Decimal(row["GG_kw"])) / 2).quantize(Decimal("0.001"))
        _put(raw, "solar 12", "E1", row["datetime"], str(max(net, Decimal(0))))
        _put(raw, "solar 12", "B1", row["datetime"], str(max(-net, Decimal(0))))
    return {
        home: {
            suffix: {day: values for day, values in days.items() if None not in values}
            for suffix, days in loads.items()
        }
        for home, loads in raw.items()
    }  # type: ignore[return-value]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", newline="") as lines:
        yield from csv.DictReader(lines)


def _put(raw: dict[str, dict[str, Days]], home: str, suffix: str, moment: str, value: str) -> None:
    if not value:
        return
    start = datetime.fromisoformat(moment)
    days = raw.setdefault(home, {}).setdefault(suffix, {})
    days.setdefault(start.date(), [None] * 48)[start.hour * 2 + start.minute // 30] = Decimal(value)


def real_cases(folder: Path) -> list[Case]:
    """Bill each home for a quarter on each plan; every second home's load is shared with a controlled load."""
    plans, loads = real_plans(folder), real_loads(folder)
    cases = []
    for home_number, (home, suffixes) in enumerate(sorted(loads.items())):
        days = _quarter(suffixes)
        for plan in plans:
            number = len(cases) + 1
            cases.append(
                _case(f"{number:010}", plan, {s: {d: v[d] for d in days} for s, v in suffixes.items()}, home_number)
            )
        assert days, home
    return cases


def _quarter(suffixes: Mapping[str, Mapping[date, Any]]) -> list[date]:
    """Return up to a quarter of days in a row that every channel has, over 1 July where the home has those."""
    known = set.intersection(*(set(days) for days in suffixes.values()))
    best: list[date] = []
    for start in (SPANS_THE_PRICE_YEAR, date(2012, 5, 20), *sorted(known)):
        run = []
        while len(run) < BILL_DAYS and start + timedelta(days=len(run)) in known:
            run.append(start + timedelta(days=len(run)))
        if len(run) == BILL_DAYS:
            return run
        best = max(best, run, key=len)
    return best


def _case(key: str, plan: Json, loads: dict[str, dict[date, Sequence[Decimal]]], home_number: int) -> Case:
    days = sorted(loads["E1"])
    uses = {"E1": "GENERAL"}
    if "B1" in loads:
        uses["B1"] = "GENERATION"
    if plan["electricityContract"].get("controlledLoad") and home_number % 2:
        uses["E2"] = "CONTROLLED_LOAD"
        loads["E2"] = {
            day: [(value / 4).quantize(Decimal("0.0001")) for value in values] for day, values in loads["E1"].items()
        }
    contract = Contract(
        jurisdiction=_jurisdiction(str(plan.get("geography", ""))),
        first_day=days[0],
        last_day=days[-1],
        plan_spells=[(plan["planId"], days[0] - timedelta(days=30))],
        uses=uses,
        loads=loads,
        is_gst_registered=home_number % 3 == 0,
    )
    return Case(key, contract, {plan["planId"]: [plan]}, interval_minutes=30)


def _jurisdiction(geography: str) -> str:
    homes = {"Energex": "QLD", "SA Power": "SA", "TasNetworks": "TAS", "Powercor": "VIC", "AusNet": "VIC"}
    return next((state for name, state in homes.items() if name in geography), "NSW")
