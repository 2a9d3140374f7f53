"""Contracts drawn at random: period, clock, jurisdiction, plans and what their meters read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from tests.properties.generated_plans import DISCOUNT_NAMES, PlanDrawer
from tests.properties.plain_pricer import FIRST_DAY, LAST_DAY, Contract, Json, Term
from tests.properties.pricing_warehouse import Case

JURISDICTIONS = ["NSW", "VIC", "QLD", "SA", "TAS", "ACT", "NT", "WA"]
AWKWARD_DAYS = [date(2026, 4, 5), date(2026, 10, 4), date(2024, 2, 29), date(2025, 12, 25), date(2026, 1, 1),
                date(2026, 7, 1), date(2026, 4, 25), date(2028, 2, 29)]  # fmt: skip


@dataclass(frozen=True)
class CaseDrawer:
    """Draws cases.

    Attributes:
        random: source of every choice.
    """

    random: Random

    def cases(self, count: int) -> list[Case]:
        return [self.case(f"{number + 1:010}") for number in range(count)]

    def case(self, contract_id: str) -> Case:
        first_day, last_day = self.period()
        drawer = PlanDrawer(self.random)
        plan_id = f"PLAN{contract_id}A"
        spells = [(plan_id, first_day - timedelta(days=self.random.randrange(0, 300)))]
        plans = {plan_id: drawer.versions(plan_id, first_day, last_day)}
        if self.random.random() < 0.15 and first_day < last_day:
            other = f"PLAN{contract_id}B"
            spells.append(
                (other, first_day + timedelta(days=self.random.randrange(1, (last_day - first_day).days + 1)))
            )
            plans[other] = drawer.versions(other, first_day, last_day)
        uses = {"E1": "GENERAL"}
        if self.random.random() < 0.25:
            uses["E2"] = self.random.choice(["CONTROLLED_LOAD", "CONTROLLED_LOAD", "GENERAL"])
        if self.random.random() < 0.5:
            uses["B1"] = "GENERATION"
        contract = Contract(
            jurisdiction=self.random.choice(JURISDICTIONS),
            first_day=first_day,
            last_day=last_day,
            plan_spells=spells,
            uses=uses,
            loads={suffix: self.load(first_day, last_day) for suffix in uses},
            is_gst_registered=self.random.random() < 0.3,
            terms=self.terms(first_day, last_day, plans),
        )
        return Case(
            contract_id, contract, plans, self.random.choice([5, 15, 30, 30]), self.random.choice(["kWh", "Wh"])
        )

    def terms(self, first_day: date, last_day: date, plans: Mapping[str, Sequence[Json]]) -> list[Term]:
        """Draw terms for the whole bill or a part of it, a few of them unusable."""
        terms = []
        if self.random.random() < 0.6:
            terms += self.feed_in_terms(first_day, last_day)
        contracts = [version["electricityContract"] for versions in plans.values() for version in versions]
        offered = [discount["displayName"] for contract in contracts for discount in contract.get("discounts") or []]
        names = offered if offered and self.random.random() < 0.95 else DISCOUNT_NAMES
        while self.random.random() < (0.4 if offered else 0.02):
            terms.append(Term("DISCOUNT_MET", self.random.choice(names), *self.span(first_day, last_day)))
        numbers = {"GREEN_POWER_PERCENT": ["10", "25", "100", "0"], "CONCESSION_PERCENT": ["17.5", "100", "3.33"],
                   "CONCESSION_FIXED": ["25.00", "0.01", "7.77"]}  # fmt: skip
        for name, values in numbers.items():
            has_offer = name != "GREEN_POWER_PERCENT" or all("greenPowerCharges" in contract for contract in contracts)
            while self.random.random() < (0.2 if has_offer else 0.02):
                value = self.random.choice(values if self.random.random() < 0.97 else ["lots", "-1", "101"])
                terms.append(Term(name, value, *self.span(first_day, last_day)))
        return terms

    def feed_in_terms(self, first_day: date, last_day: date) -> list[Term]:
        """Draw the feed-in that was agreed: one for good, one for a while, or another from a day in the bill on."""
        one, other = self.random.sample(["Solar", "Premium", "Nobody"], 2)
        if self.random.random() < 0.6:
            return [Term("FEED_IN", one)]
        if self.random.random() < 0.5:
            return [Term("FEED_IN", one, *self.span(first_day, last_day))]
        change = first_day + timedelta(days=self.random.randrange(0, (last_day - first_day).days + 2))
        return [Term("FEED_IN", one, FIRST_DAY, change - timedelta(days=1)), Term("FEED_IN", other, change)]

    def span(self, first_day: date, last_day: date) -> tuple[date, date]:
        """Draw the days on which a term holds: always, or from or to a day around the bill."""
        length = (last_day - first_day).days
        start, end = FIRST_DAY, LAST_DAY
        if self.random.random() < 0.3:
            start = first_day + timedelta(days=self.random.randrange(-2, length + 3))
        if self.random.random() < 0.3:
            end = first_day + timedelta(days=self.random.randrange(-2, length + 3))
        return start, end

    def period(self) -> tuple[date, date]:
        length = 366 if self.random.random() < 0.01 else self.random.choice([1, 2, 7, 28, 30, 31, 31, 45, 73, 91])
        if self.random.random() < 0.7:
            around = self.random.choice(AWKWARD_DAYS)
            first = around - timedelta(days=self.random.randrange(0, length))
        else:
            first = date(2024, 1, 1) + timedelta(days=self.random.randrange(0, 900))
        return first, first + timedelta(days=length - 1)

    def load(self, first_day: date, last_day: date) -> dict[date, Sequence[Decimal]]:
        """Draw half hours: fine ones of three decimals, or coarse ones whose sums and prices end in half cents."""
        unit, most = self.random.choice([(Decimal("0.001"), 3000), (Decimal("0.5"), 4), (Decimal("0.1"), 12)])
        days: dict[date, Sequence[Decimal]] = {}
        for number in range((last_day - first_day).days + 1):
            days[first_day + timedelta(days=number)] = [unit * self.random.randrange(0, most) for _ in range(48)]
        return days
