"""The hand that plants: takes service points nobody else has taken and keeps the book of what is wrong with them.

What stays out: what is planted (``generate_defects``, ``generate_suspicions``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta

from sandbox.generate_edits import Edit, EditBook, Plant
from sandbox.generate_nem12 import MDPS
from sandbox.generate_orders import Spec, ordinary
from sandbox.generate_population import ServicePoint


class Planter:
    """Hands out untouched service points and keeps the book."""

    def __init__(self, points: Sequence[ServicePoint], spec: Spec) -> None:
        self.spec = spec
        self.book = EditBook()
        due = [p for p in points if p.closing and p.closing.day == spec.day and p.plan_kind != "SPECIAL"]
        usable = [p for p in due if not p.registers[0].is_nearly_full]
        # General load alone comes first: what is planted there touches nothing else.
        self._due = sorted(ordinary(usable), key=lambda p: len(p.suffixes))
        self._due_basic = [p for p in usable if p.is_basic and not p.is_vacant]
        self._due_api = [p for p in usable if p.delivery == "API" and not p.is_vacant]
        self._idle = sorted((p for p in ordinary(list(points)) if p.closing is None), key=lambda p: len(p.suffixes))

    def due(self) -> ServicePoint:
        """Take a point whose contract closes on the demo day."""
        return self._take(self._due)

    def due_api(self) -> ServicePoint:
        """Take one whose data come through the metering API, while there are some."""
        return self._take(self._due_api or self._due)

    def due_in_kwh(self) -> ServicePoint:
        """Take one whose provider writes kWh, not Wh."""
        return self._take(self._due, lambda point: MDPS[point.mdp].unit == "KWH")

    def due_with(self, suffix: str) -> ServicePoint:
        """Take one that has a channel."""
        return self._take(self._due, lambda point: suffix in point.suffixes)

    def due_basic(self, delivery: str) -> ServicePoint:
        """Take one with a basic meter and have it read by its provider (FILE) or by the retailer (READING)."""
        point = self._take(self._due_basic)
        point.delivery = delivery
        return point

    def idle(self) -> ServicePoint:
        """Take a point whose contract does not close in the seeded range."""
        return self._take(self._idle)

    def _take(self, pool: list[ServicePoint], fits: Callable[[ServicePoint], bool] = lambda _: True) -> ServicePoint:
        point = next((point for point in pool if fits(point)), None)
        if point is None:
            raise LookupError("the seed is too small for its defects: take more service points or more closings")
        pool.remove(point)
        point.has_reactive = point.is_life_support = False
        self.book.victims.add(point.index)
        return point

    def plant(
        self, rule_code: str, point: ServicePoint | None, days: Sequence[date] = (), *, suffix: str | None = None,
        nmi: str | None = None, note: str = "",
    ) -> Plant:  # fmt: skip
        """Record a defect of a point over a run of days."""
        return self.book.plant(
            Plant(
                rule_code=rule_code,
                billing_day=self.spec.day,
                nmi=nmi or (point.nmi if point else None),
                nmi_suffix=suffix,
                contract_id=point.contract_id if point and point.index < self.spec.service_points else None,
                first_market_date=min(days) if days else None,
                last_market_date=max(days) if days else None,
                note=note,
            )
        )

    def edit(
        self, rule_code: str, point: ServicePoint, days: Sequence[date], edit: Edit, *, suffix: str | None = None,
        note: str = "",
    ) -> None:  # fmt: skip
        """Plant one edit on every day of a run of a point's channel (its first by default), as one defect."""
        plant = self.plant(rule_code, point, days, suffix=edit.extra_suffix or suffix or point.suffixes[0], note=note)
        for day in days:
            entry = Edit(**{**edit.__dict__, "plant": plant})
            self.book.edits[point.index, suffix or point.suffixes[0], day] = entry

    def days_ago(self, first: int, count: int = 1) -> list[date]:
        """Give a run of market days that begins some days before the demo day."""
        return [self.spec.day - timedelta(days=first - n) for n in range(count)]
