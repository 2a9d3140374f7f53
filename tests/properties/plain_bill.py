"""The oracle's bill: a contract's half hours and days put through its plans, line by line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from tests.properties import plain_checks, plain_extras, plain_shares
from tests.properties.plain_pricer import (
    CENT,
    LAST_DAY,
    PRICE,
    Bill,
    Contract,
    Json,
    Line,
    LineKey,
    NotPriceableError,
    band_names,
    clock_of,
    dated_from,
    decimal,
    factor_to_dollars,
    first_day_of,
    local_moment,
    rate_at,
    rates_of,
    rounded,
    season_of,
    split_rate,
    supply_of,
    version_on,
)

Owner = tuple[str, int]
"""plan, version (its place among the plan's)."""
PriceKey = tuple[str, int, int]
"""plan, version (its place among the plan's), number of tariff period, controlled load or feed-in."""


@dataclass(frozen=True)
class Tariff:
    """A part of a plan that prices energy, how its lines begin, and its days if they are not its version's."""

    prefix: str
    key: PriceKey
    plan: Json
    parent: Json
    days: int | None = None


class BillMaker:
    """Prices one contract; every method adds lines or refuses."""

    def __init__(self, contract: Contract, plans: Mapping[str, Sequence[Json]]) -> None:
        self.contract = contract
        self.plans = plans
        self.bill = Bill()
        self.day_count: dict[PriceKey, int] = defaultdict(int)
        self.first_day: dict[PriceKey, date] = {}
        self.energy_charged: dict[Owner, Decimal] = defaultdict(Decimal)
        self.charged: dict[Owner, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        self._versions: dict[tuple[str, date], tuple[int, Json]] = {}
        self._paying_known: dict[tuple[Owner, date, date], dict[int, Json]] = {}

    def make(self) -> Bill:
        self._count_days()
        self._supply()
        self._general()
        self._controlled_load()
        self._feed_in()
        plain_extras.demand_lines(self)
        plain_extras.fee_lines(self)
        for plan_id, number, _ in self.first_day:
            plain_checks.check_plan(self.plans[plan_id][number], self.contract.uses.values())
        plain_shares.discount_lines(self)
        plain_shares.green_power_lines(self)
        plain_shares.concession_lines(self)
        return self.bill

    def plan_on(self, market_day: date) -> str:
        holding = [plan for plan, start in self.contract.plan_spells if start <= market_day]
        if not holding:
            raise NotPriceableError(f"no plan on {market_day}")
        return holding[-1]

    def version(self, plan_id: str, day: date) -> tuple[int, Json]:
        if plan_id not in self.plans:
            raise NotPriceableError(f"unknown plan {plan_id}")
        if (plan_id, day) not in self._versions:
            versions = self.plans[plan_id]
            plan = version_on(versions, day)
            number = next(n for n, known in enumerate(versions) if known is plan)
            self._versions[plan_id, day] = number, plan
        return self._versions[plan_id, day]

    def _count_days(self) -> None:
        """Each market day is a day of the price that holds on the same date of the plan's clock."""
        for day in self.contract.days:
            plan_id = self.plan_on(day)
            number, plan = self.version(plan_id, day)
            season, _ = season_of(plan, day)
            for key in ((plan_id, number, season), (plan_id, number, 0)):
                self.day_count[key] += 1
                self.first_day.setdefault(key, day)

    def line(self, owner: Owner, key: LineKey, quantity: Decimal, price: Decimal, kind: str = "CHARGE") -> None:
        """Add a line of a plan version; credits are taken off."""
        amount = rounded(quantity * price, CENT)
        if kind.startswith(("FEED_IN", "TAKEN_OFF")):
            amount = -amount
        has_gst = not kind.endswith("FREE") and (kind != "FEED_IN" or self.contract.is_gst_registered)
        gst = amount * Decimal("0.1") if has_gst else Decimal(0)
        if key in self.bill.lines:
            raise AssertionError(f"two lines {key}")
        self.bill.lines[key] = Line(quantity, price, amount, gst)
        name = key[0].split(":")[0]
        self.charged[owner][name] += amount
        if name in ("USAGE", "CONTROLLED_LOAD"):
            self.energy_charged[owner] += quantity

    def _supply(self) -> None:
        for (plan_id, number, season), days in self.day_count.items():
            if season == 0:
                continue
            plan = self.plans[plan_id][number]
            period = plan["electricityContract"]["tariffPeriod"][season - 1]
            if period.get("bandedDailySupplyCharges"):
                self._banded_supply((plan_id, number, season), days)
                continue
            supply = supply_of(period)
            if supply is None or supply < 0:
                raise NotPriceableError("supply charge")
            price = rounded(supply * factor_to_dollars(plan), PRICE)
            start = self.first_day[plan_id, number, season]
            self.line((plan_id, number), ("SUPPLY", start), Decimal(days), price)

    def _banded_supply(self, key: PriceKey, days: int) -> None:
        """Count the bill's days into bands of days; a last band without a size takes the rest."""
        plan = self.plans[key[0]][key[1]]
        period = plan["electricityContract"]["tariffPeriod"][key[2] - 1]
        bands = period["bandedDailySupplyCharges"]
        if supply_of(period) is not None or days != len(self.contract.days):
            raise NotPriceableError("bands beside one charge, or a price change")
        left = days
        for number, band in enumerate(bands, 1):
            price, size = decimal(band.get("unitPrice")), decimal(band.get("volume"))
            is_last = number == len(bands)
            if price is None or price < 0 or band.get("measureUnit", "DAYS") != "DAYS" or is_last != (size is None):
                raise NotPriceableError("a band")
            if size is not None and (not 0 < size <= 366 or size != int(size)):
                raise NotPriceableError("the size of a band")
            count = left if size is None else min(left, int(size))
            if count > 0:
                line_key = (f"SUPPLY:{number}", self.first_day[key])
                self.line(key[:2], line_key, Decimal(count), rounded(price * factor_to_dollars(plan), PRICE))
            left -= count

    def half_hours(self, use: str):  # type: ignore[no-untyped-def]
        for suffix, kind in self.contract.uses.items():
            if kind == use:
                for day, values in self.contract.loads[suffix].items():
                    for half_hour, energy in enumerate(values):
                        yield day, half_hour, energy

    def moment(self, plan_id: str, day: date, half_hour: int, *, use_season: bool):  # type: ignore[no-untyped-def]
        """Return version number, plan, local day and minute; a season may have a clock of its own."""
        number, plan = self.version(plan_id, day)
        clocks = {clock_of(plan, period if use_season else None) for period in
                  plan["electricityContract"]["tariffPeriod"]}  # fmt: skip
        if len(clocks) > 1:
            raise NotPriceableError("several clocks")
        local_day, minute = local_moment(day, half_hour, self.contract.jurisdiction, clocks.pop())
        number, plan = self.version(plan_id, local_day)
        return number, plan, local_day, minute

    def _general(self) -> None:
        energy: dict[tuple[PriceKey, int], dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for day in self.contract.days:
            self._check_cover(day)
        for day, half_hour, value in self.half_hours("GENERAL"):
            plan_id = self.plan_on(day)
            number, plan, local_day, minute = self.moment(plan_id, day, half_hour, use_season=True)
            season, period = season_of(plan, local_day)
            position = rate_at(period, local_day, minute, self.contract.jurisdiction)[0]
            key = (plan_id, number, season)
            if key not in self.first_day:
                self.first_day[key] = local_day
            energy[key, position][local_day] += value
        for ((plan_id, number, season), position), by_day in energy.items():
            plan = self.plans[plan_id][number]
            period = plan["electricityContract"]["tariffPeriod"][season - 1]
            self._energy_lines(Tariff("USAGE", (plan_id, number, season), plan, period), position, by_day)

    def _check_cover(self, day: date) -> None:
        """Every half hour of a day must be claimed by exactly one rate, used or not."""
        for half_hour in range(48):
            _, plan, local_day, minute = self.moment(self.plan_on(day), day, half_hour, use_season=True)
            _, period = season_of(plan, local_day)
            if len(rate_at(period, local_day, minute, self.contract.jurisdiction)) != 1:
                raise NotPriceableError(f"{minute} on {local_day}")

    def _energy_lines(self, tariff: Tariff, position: int, by_day: Mapping[date, Decimal]) -> None:
        """Add a line per step of a rate, by its place in the tariff."""
        rate = rates_of(tariff.parent)[position]
        factor = factor_to_dollars(tariff.plan)
        key, is_credit = tariff.key, tariff.prefix.startswith("FEED_IN")
        parts = split_rate(rate, by_day, self.day_count[key] if tariff.days is None else tariff.days)
        if not is_credit and sum(parts) != sum(by_day.values()):
            raise NotPriceableError("energy beyond the last step")
        label = band_names(tariff.parent)[position][1]
        mark = self.mark(key)
        for number, (step, quantity) in enumerate(zip(rate["rates"], parts, strict=True), 1):
            price = decimal(step.get("unitPrice"))
            if price is None or price < 0:
                raise NotPriceableError("price")
            if number == 1 or quantity != 0:
                charge_id = f"{tariff.prefix}:{label}:{number}{mark}"
                kind = "FEED_IN" if is_credit else "CHARGE"
                line_key = (charge_id, self.first_day[key])
                self.line(key[:2], line_key, quantity, rounded(price * factor, PRICE), kind)

    def mark(self, key: PriceKey) -> str:
        """Tell a price without a day of its own from one that begins on the same date."""
        starts = [start for other, start in self.first_day.items() if self.day_count.get(other) and other[2]]
        return ":EDGE" if not self.day_count.get(key) and self.first_day[key] in starts else ""

    def _one_load(self, plan: Json) -> Json:
        loads = plan["electricityContract"].get("controlledLoad") or []
        if len(loads) != 1:
            raise NotPriceableError(f"{len(loads)} controlled loads")
        return loads[0]

    def _load_supply(self) -> None:
        for (plan_id, number, season), days in sorted(self.day_count.items()):
            if season != 0:
                continue
            plan = self.plans[plan_id][number]
            load = self._one_load(plan)
            supplies = {supply_of(part) for part in (load, *rates_of(load))} - {None}
            if len(supplies) > 1:
                raise NotPriceableError("controlled load supply")
            for supply in supplies:
                price = rounded(supply * factor_to_dollars(plan), PRICE)  # type: ignore[operator]
                if price > 0:
                    start = self.first_day[plan_id, number, 0]
                    self.line((plan_id, number), ("SUPPLY:CONTROLLED_LOAD", start), Decimal(days), price)

    def _controlled_load(self) -> None:
        if "CONTROLLED_LOAD" not in self.contract.uses.values():
            return
        self._load_supply()
        energy: dict[tuple[str, int, int], dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for day, half_hour, value in self.half_hours("CONTROLLED_LOAD"):
            plan_id = self.plan_on(day)
            number, plan, local_day, minute = self.moment(plan_id, day, half_hour, use_season=False)
            load = self._one_load(plan)
            claims = rate_at(load, local_day, minute, self.contract.jurisdiction)
            if len(claims) != 1:
                if value != 0:
                    raise NotPriceableError("controlled load at a time without a rate")
                continue
            self.first_day.setdefault((plan_id, number, 0), local_day)
            energy[plan_id, number, claims[0]][local_day] += value
        for (plan_id, number, position), by_day in energy.items():
            plan = self.plans[plan_id][number]
            load = plan["electricityContract"]["controlledLoad"][0]
            self._energy_lines(Tariff("CONTROLLED_LOAD", (plan_id, number, 0), plan, load), position, by_day)

    def _offered(self, plan_id: str, plan: Json, day: date) -> dict[int, Json]:
        """Return the feed-ins on offer on a day of the plan's clock, by their place."""
        offered = {}
        for place, feed_in in enumerate(plan["electricityContract"].get("solarFeedInTariff") or [], 1):
            start = date.fromisoformat(feed_in["startDate"]) if feed_in.get("startDate") else date.min
            end = date.fromisoformat(feed_in["endDate"]) if feed_in.get("endDate") else LAST_DAY
            first = start if start > dated_from(plan) else first_day_of(self.plans[plan_id], plan)
            if first <= day <= end:
                offered[place] = feed_in
        return offered

    def _paying(self, owner: Owner, market_day: date, day: date) -> dict[int, Json]:
        """Return the feed-ins that pay in the hours of a market day that fall on a day of the plan's clock.

        Those that share a half hour with another are chosen between: by the terms of the market day, else of the day.
        """
        known = self._paying_known.get((owner, market_day, day))
        if known is not None:
            return known
        plan = self.plans[owner[0]][owner[1]]
        offered = self._offered(owner[0], plan, day)
        groups = {
            place: [place, *(n for n, other in offered.items() if n != place and share_half_hour(feed_in, other))]
            for place, feed_in in offered.items()
        }
        pays = {
            place for place, group in groups.items()
            if len(group) == 1 or self._named(offered, group, market_day, day) == [place]
        }  # fmt: skip
        if any(pays.isdisjoint(group) for group in groups.values()):
            raise NotPriceableError("several feed-ins")
        self._paying_known[owner, market_day, day] = {place: offered[place] for place in pays}
        return self._paying_known[owner, market_day, day]

    def _named(self, offered: Mapping[int, Json], places: Sequence[int], market_day: date, day: date) -> list[int]:
        """Return which of some feed-ins the contract's terms name."""
        for moment in (market_day, day):
            names = {term.value for term in self.contract.terms_on("FEED_IN", moment)}
            if named := [place for place in places if offered[place].get("displayName") in names]:
                return named
        return []

    def _feed_in(self) -> None:
        if "GENERATION" not in self.contract.uses.values():
            return
        energy: dict[tuple[str, int, int, int], dict[date, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for day, half_hour, value in self.half_hours("GENERATION"):
            plan_id = self.plan_on(day)
            number, _, local_day, minute = self.moment(plan_id, day, half_hour, use_season=False)
            self.first_day.setdefault((plan_id, number, 0), local_day)
            for place, feed_in in self._paying((plan_id, number), day, local_day).items():
                for position in rate_at(feed_in, local_day, minute, self.contract.jurisdiction, timeless=True):
                    energy[plan_id, number, place, position][local_day] += value
        for (plan_id, number, place, position), by_day in energy.items():
            plan = self.plans[plan_id][number]
            feed_in = plan["electricityContract"]["solarFeedInTariff"][place - 1]
            days = self._days_paid(plan_id, number, place)
            tariff = Tariff(f"FEED_IN:{place}", (plan_id, number, 0), plan, feed_in, days)
            self._energy_lines(tariff, position, by_day)

    def _days_paid(self, plan_id: str, number: int, place: int) -> int:
        """Count the market days on which a plan version holds and its feed-in pays."""
        return sum(
            self.plan_on(day) == plan_id
            and self.version(plan_id, day)[0] == number
            and place in self._paying((plan_id, number), day, day)
            for day in self.contract.days
        )


def share_half_hour(one: Json, other: Json) -> bool:
    """Compare every half hour of a week, by brute force."""
    return any(
        rate_at(one, day, minute, "QLD", timeless=True) and rate_at(other, day, minute, "QLD", timeless=True)
        for day in (date(2024, 4, 15 + n) for n in range(7))
        for minute in range(0, 1440, 30)
    )


def price(contract: Contract, plans: Mapping[str, Sequence[Json]]) -> Bill:
    """Price a contract on its plans (every known version of each)."""
    return BillMaker(contract, plans).make()
