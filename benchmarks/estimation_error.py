"""``python -m benchmarks.estimation_error FOLDER``: how far each method of estimation is from what homes really used.

Half hours are taken out of complete homes and estimated back, each gap by itself. Prints the table that
docs/reference/estimation.md keeps. The methods are written here once more, plainly and apart from the SQL, which
tests/dbt/test_estimation_error.py holds against them.

FOLDER holds ``sgsc_11_homes_2013_halfhour_wide.csv.gz`` and ``sgsc_10_households_halfhour.csv.gz``.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random
from typing import Final

import click

HALF_HOURS: Final = 48
WEEK: Final = 7
WEEKS: Final = 4
YEAR: Final = 364
LINEAR_LONGEST: Final = 4
LENGTHS: Final = (1, 2, 4, 8, 16, 48, 144)
GAPS_PER_LENGTH: Final = 200
SEED: Final = 20261124
_PLACES: Final = Decimal(10) ** -14

# kWh by market day, 48 half hours each; only days that are complete.
Home = Mapping[date, Sequence[Decimal]]
Homes = Mapping[str, Home]


@dataclass(frozen=True)
class Gap:
    """Half hours taken out of a home.

    Attributes:
        home: whose.
        first_day: day of the first one.
        first_half_hour: 1 to 48.
        length: how many, over midnight too.
    """

    home: str
    first_day: date
    first_half_hour: int
    length: int

    def slots(self) -> list[tuple[date, int]]:
        """Day and half hour of each."""
        return [slot_after(self.first_day, self.first_half_hour, number) for number in range(self.length)]


def slot_after(day: date, half_hour: int, number: int) -> tuple[date, int]:
    """The half hour so many places on."""
    days, place = divmod(half_hour - 1 + number, HALF_HOURS)
    return day + timedelta(days=days), place + 1


def read_wide(path: Path) -> Homes:
    """Homes of a file with a column each; the stamp is the start of the half hour."""
    found: dict[str, dict[date, dict[int, Decimal]]] = {}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            stamp = datetime.fromisoformat(row.pop("Datetime"))
            for home, value in row.items():
                if value:
                    found.setdefault(home, {}).setdefault(stamp.date(), {})[_half_hour(stamp)] = Decimal(value)
    return complete(found)


def read_long(path: Path) -> Homes:
    """Homes of a file with a row for each half hour."""
    found: dict[str, dict[date, dict[int, Decimal]]] = {}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            stamp = datetime.fromisoformat(row["reading_datetime"])
            day = found.setdefault(row["customer_id"], {}).setdefault(stamp.date(), {})
            day[_half_hour(stamp)] = Decimal(row["general_supply_kwh"])
    return complete(found)


def _half_hour(stamp: datetime) -> int:
    return stamp.hour * 2 + stamp.minute // 30 + 1


def complete(found: Mapping[str, Mapping[date, Mapping[int, Decimal]]]) -> Homes:
    """Keep the days that have every half hour."""
    return {
        home: {
            day: [values[place] for place in range(1, HALF_HOURS + 1)]
            for day, values in days.items()
            if len(values) == HALF_HOURS
        }
        for home, days in found.items()
    }


def draw_gaps(homes: Homes, *, from_day: int, seed: int = SEED, count: int = GAPS_PER_LENGTH) -> list[Gap]:
    """Gaps of every length, drawn over homes and days that have complete days before and after."""
    random = Random(seed)
    gaps = []
    for length in LENGTHS:
        for _ in range(count):
            home = random.choice(sorted(homes))
            days = sorted(homes[home])
            while True:
                day = random.choice(days[from_day:-5])
                around = [day + timedelta(days=number) for number in range(-1, 5)]
                if all(one in homes[home] for one in around):
                    break
            gaps.append(Gap(home, day, random.randrange(1, HALF_HOURS + 1), length))
    return gaps


def at(home: Home, slot: tuple[date, int]) -> Decimal | None:
    """What was used in a half hour, if it is known."""
    values = home.get(slot[0])
    return values[slot[1] - 1] if values else None


def linear(homes: Homes, gap: Gap) -> list[Decimal | None]:
    """A straight line from the half hour before to the one after."""
    home = homes[gap.home]
    before = at(home, slot_after(gap.first_day, gap.first_half_hour, -1))
    after = at(home, slot_after(gap.first_day, gap.first_half_hour, gap.length))
    if before is None or after is None:
        return [None] * gap.length
    return [
        before + ((after - before) * number / (gap.length + 1)).quantize(_PLACES, ROUND_HALF_UP)
        for number in range(1, gap.length + 1)
    ]


def _days_before(homes: Homes, gap: Gap, offsets: Sequence[int]) -> list[Decimal | None]:
    """The mean of earlier days' same half hours, of those that are complete and no part of the gap."""
    home, missing = homes[gap.home], {day for day, _ in gap.slots()}
    estimates: list[Decimal | None] = []
    for day, half_hour in gap.slots():
        days = [day - timedelta(days=offset) for offset in offsets]
        values = [home[one][half_hour - 1] for one in days if one in home and one not in missing]
        mean = (sum(values, Decimal(0)) / len(values)).quantize(_PLACES, ROUND_HALF_UP) if values else None
        estimates.append(mean)
    return estimates


def like_day(homes: Homes, gap: Gap) -> list[Decimal | None]:
    """The same weekday of the week before."""
    return _days_before(homes, gap, [WEEK])


def average_like_day(homes: Homes, gap: Gap) -> list[Decimal | None]:
    """The mean of the same weekday in the four weeks before."""
    return _days_before(homes, gap, [WEEK * number for number in range(1, WEEKS + 1)])


def previous_year(homes: Homes, gap: Gap) -> list[Decimal | None]:
    """The same weekday a year before."""
    return _days_before(homes, gap, [YEAR])


def class_profile(homes: Homes, gap: Gap) -> list[Decimal | None]:
    """The mean of the other homes in the same half hour."""
    estimates: list[Decimal | None] = []
    for slot in gap.slots():
        values = [value for name, home in homes.items() if name != gap.home and (value := at(home, slot)) is not None]
        estimates.append((sum(values, Decimal(0)) / len(values)).quantize(_PLACES, ROUND_HALF_UP) if values else None)
    return estimates


def chosen_order(homes: Homes, gap: Gap) -> list[Decimal | None]:
    """What the product does: the line for short gaps, then the first method that has its data."""
    methods = [linear] if gap.length <= LINEAR_LONGEST else []
    answers = [method(homes, gap) for method in (*methods, like_day, average_like_day, previous_year, class_profile)]
    return [next((value for value in values if value is not None), None) for values in zip(*answers, strict=True)]


METHODS: Final[Mapping[str, Callable[[Homes, Gap], list[Decimal | None]]]] = {
    "linear": linear,
    "like day": like_day,
    "average like day": average_like_day,
    "previous year": previous_year,
    "class profile": class_profile,
    "chosen order": chosen_order,
}


@dataclass(frozen=True)
class Error:
    """How far estimates were from what was used, in percent of it.

    Attributes:
        by_half_hour: sum of the absolute differences of half hours.
        by_gap: sum of the absolute differences of whole gaps, which is what a single-rate bill feels.
    """

    by_half_hour: Decimal
    by_gap: Decimal


def error_of(homes: Homes, gaps: Sequence[Gap], estimates: Sequence[Sequence[Decimal | None]]) -> Error | None:
    """The error over the gaps that were estimated wholly; None when none was."""
    used = apart = apart_by_gap = Decimal(0)
    for gap, values in zip(gaps, estimates, strict=True):
        if any(value is None for value in values):
            continue
        actual = [homes[gap.home][day][half_hour - 1] for day, half_hour in gap.slots()]
        differences = [value - real for value, real in zip(values, actual, strict=True) if value is not None]
        used += sum(actual, Decimal(0))
        apart += sum((abs(one) for one in differences), Decimal(0))
        apart_by_gap += abs(sum(differences, Decimal(0)))
    if not used:
        return None
    return Error(100 * apart / used, 100 * apart_by_gap / used)


def table(homes: Homes, gaps: Sequence[Gap], names: Sequence[str]) -> list[str]:
    """A Markdown table: a row for each length, a column for each method."""
    lines = ["| gap | " + " | ".join(names) + " |", "|" + " ---: |" * (len(names) + 1)]
    for length in LENGTHS:
        some = [gap for gap in gaps if gap.length == length]
        cells = []
        for name in names:
            error = error_of(homes, some, [METHODS[name](homes, gap) for gap in some])
            cells.append("-" if error is None else f"{error.by_half_hour:.0f} / {error.by_gap:.0f}")
        hours = f"{length / 2:g} h" if length < HALF_HOURS else f"{length // HALF_HOURS} d"
        lines.append(f"| {hours} | " + " | ".join(cells) + " |")
    return lines


@click.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
def main(folder: Path) -> None:
    """Print the error of every method by length of the gap: percent of half hours / percent of the gap's energy."""
    wide = read_wide(folder / "sgsc_11_homes_2013_halfhour_wide.csv.gz")
    homes = {name: home for name, home in wide.items() if len(home) == 365}
    click.echo(f"{len(homes)} complete homes of 2013\n")
    gaps = draw_gaps(homes, from_day=WEEK * WEEKS)
    click.echo(
        "\n".join(table(homes, gaps, ["linear", "like day", "average like day", "class profile", "chosen order"]))
    )
    long = {
        name: home for name, home in read_long(folder / "sgsc_10_households_halfhour.csv.gz").items() if len(home) > 500
    }
    click.echo(f"\n{len(long)} households with more than 500 complete days, gaps after the first year\n")
    late = draw_gaps(long, from_day=YEAR + WEEK)
    click.echo(
        "\n".join(table(long, late, ["linear", "like day", "average like day", "previous year", "chosen order"]))
    )


if __name__ == "__main__":
    main()
