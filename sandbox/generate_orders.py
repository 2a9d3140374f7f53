"""Which contracts close when: closings of the demo day and of the days before it, and what orders follow.

What stays out: what is wrong with some of them on purpose (``generate_defects``).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from sandbox.generate_plan_specials import WORDS_DEMAND_PLAN
from sandbox.generate_population import INTERVAL_LENGTHS, Closing, Register, ServicePoint

# A first bill shorter than this would be an odd one.
_SHORTEST_PERIOD = 14
_CLOSINGS_PER_EARLIER_DAY = 4
# Bills of two to three months whose data come in one file, and two of usual length that come so too.
_BULK_LENGTHS = (28, 30, 59, 61, 75, 90)
_WORDS_DEMAND_CONTRACTS = 3
_FULL_HISTORY = 30
PERIODIC = "01"


@dataclass(frozen=True)
class Spec:
    """What to generate."""

    service_points: int = 320
    days: int = 40
    seed: int = 7
    day: date = date(2026, 3, 5)
    closings: int | None = None
    interval_lengths: tuple[int, ...] = INTERVAL_LENGTHS

    @property
    def first_day(self) -> date:
        """First market day with data."""
        return self.day - timedelta(days=self.days - 1)

    @property
    def has_history(self) -> bool:
        """Whether a usual bill fits into the seeded range."""
        return self.days >= _FULL_HISTORY

    @property
    def closing_count(self) -> int:
        """Contracts that close on the demo day: a thirtieth of a big retailer's, at least 90 of a small one's."""
        wanted = max(90, self.service_points // 30) if self.closings is None else self.closings
        return min(wanted, self.service_points)


@dataclass(frozen=True)
class Order:
    """A meter reading order as IS-U replicates it."""

    order_id: str
    contract_id: str
    device_id: str
    register_id: str
    scheduled: date
    period_start: date
    previous_reading: str


def reading_text(ticks: int, register: Register) -> str:
    """Write a register's reading from its smallest units."""
    if register.decimal_places == 0:
        return str(ticks)
    unit = 10**register.decimal_places
    return f"{ticks // unit}.{ticks % unit:0{register.decimal_places}d}"


def assign_closings(points: list[ServicePoint], spec: Spec) -> None:
    """Decide which contracts close on which day and give some of them their special traits."""
    rng = random.Random(f"closings {spec.seed}")
    waiting = list(points)
    rng.shuffle(waiting)
    due, waiting = waiting[: spec.closing_count], waiting[spec.closing_count :]
    for point in due:
        _close(point, spec.day, rng.choice((28, 29, 30)), spec)
    for point, day in zip(waiting[: spec.service_points // 3], _earlier_days(spec), strict=False):
        _close(point, day, rng.choice((28, 29, 30)), spec)
    if spec.has_history:
        _deliver_in_bulk(due, spec)
        _give_demand_in_words(due)
        _let_one_register_roll_over(due)


def _earlier_days(spec: Spec) -> Iterator[date]:
    for offset in range(_SHORTEST_PERIOD, spec.days - 1):
        for _ in range(max(_CLOSINGS_PER_EARLIER_DAY, spec.service_points // 100)):
            yield spec.first_day + timedelta(days=offset)


def _close(point: ServicePoint, day: date, length: int, spec: Spec) -> None:
    """Give a point its bill; without enough history the contract begins with the data."""
    start = day - timedelta(days=length - 1)
    if start < spec.first_day:
        start = point.contract_start = spec.first_day
    point.closing = Closing(day, start)
    point.contract_start = min(point.contract_start, start)


def _deliver_in_bulk(due: list[ServicePoint], spec: Spec) -> None:
    fitting = [point for point in due if point.delivery == "FILE" and not point.is_basic]
    for point, length in zip(fitting[: len(due) // 10], _BULK_LENGTHS, strict=False):
        point.closing = Closing(spec.day, spec.day - timedelta(days=length - 1), is_bulk=True)
        point.contract_start = min(point.contract_start, point.closing.period_start)


def _give_demand_in_words(due: list[ServicePoint]) -> None:
    fitting = [point for point in ordinary(due) if point.plan_kind in {"FLAT", "STEPPED"} and point.suffixes == ("E1",)]
    for point in fitting[:_WORDS_DEMAND_CONTRACTS]:
        point.plan_id, point.plan_kind = WORDS_DEMAND_PLAN, "SPECIAL"


def _let_one_register_roll_over(due: list[ServicePoint]) -> None:
    fitting = [point for point in ordinary(due) if point.plan_kind == "FLAT" and point.registers[0].multiplier == 1]
    for point in fitting[:1]:
        register = point.registers[0]
        register.integer_places, register.decimal_places = 5, 1
        # Ten kilowatt-hours below the top: any bill passes it.
        register.previous = 10**6 - 100


def ordinary(points: list[ServicePoint]) -> list[ServicePoint]:
    """Interval meters read daily by file, lived in: what a defect or a trait may be planted on."""
    return [
        point
        for point in points
        if point.delivery == "FILE"
        and not point.is_basic
        and not point.is_vacant
        and not (point.closing and point.closing.is_bulk)
    ]


def orders_of(point: ServicePoint) -> list[Order]:
    """Give the orders of a closing contract, one per register."""
    if point.closing is None:
        return []
    return [
        Order(
            order_id=f"{point.closing.day:%y%m%d}{point.index:07d}{register.register_id}",
            contract_id=point.contract_id,
            device_id=point.device_id,
            register_id=register.register_id,
            scheduled=point.closing.day,
            period_start=point.closing.period_start,
            previous_reading=reading_text(register.previous, register),
        )
        for register in point.registers
    ]
