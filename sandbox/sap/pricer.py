"""The pretend SAP's own pricer: a bill's amount from interval energy and a plan, in exact arithmetic.

Plain loops over intervals, written from the market rules alone: it is the independent opinion that our shadow bills
are compared with, so it shares no code and no SQL with them. What it cannot price it refuses (``CannotPrice``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache, lru_cache
from typing import TypeVar

from sandbox.sap.clock import HALF_HOUR, LocalDay, Slot, half_hours
from sandbox.sap.plan import DAY_MINUTES, WEEKDAYS, Block, CannotPrice, DatedBlocks, Plan, PlanVersions, Season, Step

Part = TypeVar("Part", Season, DatedBlocks)
GST = Fraction(1, 10)
_BUSINESS_WEEKDAYS = frozenset(WEEKDAYS[:5])
_UNPRICED_TERMS = frozenset({"CONCESSION_PERCENT", "CONCESSION_FIXED", "GREEN_POWER_PERCENT", "DISCOUNT_MET"})


@dataclass(frozen=True)
class ChannelDay:
    """The energy of one suffix on one market day, in kWh, at equal intervals from midnight."""

    market_date: date
    interval_minutes: int
    values: Sequence[Decimal]


@dataclass(frozen=True)
class BillData:
    """All that a bill is priced from.

    Attributes:
        usage_types: GENERAL, CONTROLLED_LOAD or GENERATION of each suffix.
        energy: channel-days of each suffix; a basic meter's suffix has one value per day.
        plan_on: the plan, with all its versions, that the contract has on a market day.
        terms: what was agreed besides the plan, by name.
    """

    jurisdiction: str
    start: date
    end: date
    is_gst_registered: bool
    usage_types: Mapping[str, str]
    energy: Mapping[str, Sequence[ChannelDay]]
    plan_on: Callable[[date], PlanVersions]
    terms: Mapping[str, str] = field(default_factory=dict)

    @property
    def days(self) -> list[date]:
        """The market days of the bill, both ends included."""
        return [self.start + timedelta(days=n) for n in range((self.end - self.start).days + 1)]


@dataclass(frozen=True)
class Line:
    """A line of a bill; ``amount`` is rounded to the cent, credits are negative."""

    kind: str
    name: str
    quantity: Fraction
    price: Decimal
    amount: Decimal


@dataclass(frozen=True)
class PricedBill:
    """A priced bill."""

    lines: tuple[Line, ...]
    total_ex_gst: Decimal
    gst: Decimal

    @property
    def total_inc_gst(self) -> Decimal:
        """What the customer owes."""
        return self.total_ex_gst + self.gst


@dataclass(frozen=True)
class _Place:
    """Where some energy belongs: a part of a plan version (season, load or feed-in) and one of its blocks."""

    part: Season | DatedBlocks
    block: Block


@dataclass(frozen=True)
class _Use:
    """What a channel's energy is to the contract; ``feed_in`` names the feed-in that was agreed, if one was."""

    usage_type: str
    feed_in: str | None


# Energy by where it belongs and by local day.
_Energy = dict[tuple[_Place, str], Fraction]


def price_bill(data: BillData) -> PricedBill:
    """Price a bill.

    Raises:
        CannotPrice: when plan, terms or energy do not allow it.
    """
    if unpriced := _UNPRICED_TERMS & set(data.terms):
        raise CannotPrice(f"contract terms {sorted(unpriced)}")
    lines = _supply_lines(data)
    pools = _days_by_part(data)
    for usage_type, kind in (("GENERAL", "USAGE"), ("CONTROLLED_LOAD", "CONTROLLED_LOAD"), ("GENERATION", "FEED_IN")):
        energy: _Energy = {}
        for suffix, its_type in data.usage_types.items():
            if its_type == usage_type:
                _add_energy(energy, data, suffix, _Use(usage_type, data.terms.get("FEED_IN")))
        lines += _energy_lines(energy, pools, kind)
    charges = sum((line.amount for line in lines if line.kind != "FEED_IN"), Decimal(0))
    credited = sum((line.amount for line in lines if line.kind == "FEED_IN"), Decimal(0))
    taxed = charges + credited if data.is_gst_registered else charges
    return PricedBill(tuple(lines), charges + credited, to_cents(Fraction(taxed) * GST))


def to_cents(amount: Fraction) -> Decimal:
    """Round half up (away from zero) to the cent."""
    cents = (abs(amount) * 200 + 1) // 2
    return Decimal(-cents if amount < 0 else cents).scaleb(-2)


def _supply_lines(data: BillData) -> list[Line]:
    """Charge each market day's supply, and the controlled load's own where the contract has one."""
    days: dict[tuple[str, Season | DatedBlocks], int] = {}
    has_load = "CONTROLLED_LOAD" in data.usage_types.values()
    for day in data.days:
        plan = data.plan_on(day).on(day.isoformat())
        parts: list[tuple[str, Season | DatedBlocks]] = [("SUPPLY", _season_on(plan, day.isoformat()))]
        if has_load:
            parts.append(("CONTROLLED_LOAD", _load_on(plan, day.isoformat())))
        for kind, part in parts:
            days[kind, part] = days.get((kind, part), 0) + 1
    lines = []
    for (kind, part), count in days.items():
        if kind == "SUPPLY" or part.supply:
            amount = to_cents(Fraction(part.supply) * count)
            lines.append(Line(kind, "supply", Fraction(count), part.supply, amount))
    return lines


def _days_by_part(data: BillData) -> dict[Season | DatedBlocks, int]:
    """Count the bill's market days under each part of the plans, to scale what pools over the bill."""
    counts: dict[Season | DatedBlocks, int] = {}
    for day in data.days:
        plan, iso = data.plan_on(day).on(day.isoformat()), day.isoformat()
        parts: list[Season | DatedBlocks] = [_season_on(plan, iso)]
        parts += [dated for dated in (*plan.controlled_loads, *plan.feed_ins) if dated.covers(iso)]
        for part in parts:
            counts[part] = counts.get(part, 0) + 1
    return counts


def _season_on(plan: Plan, iso: str) -> Season:
    seasons = [season for season in plan.seasons if season.covers(iso[5:])]
    if len(seasons) != 1:
        raise CannotPrice(f"{len(seasons)} tariff periods cover {iso} in plan {plan.plan_id}")
    return _sound(seasons[0])


def _load_on(plan: Plan, iso: str) -> DatedBlocks:
    loads = [load for load in plan.controlled_loads if load.covers(iso)]
    if len(loads) != 1:
        raise CannotPrice(f"{len(loads)} controlled load tariffs cover {iso} in plan {plan.plan_id}")
    return _sound(loads[0])


def _sound(part: Part) -> Part:
    """Pass a part of a plan on, unless something in it cannot be priced."""
    if part.problem:
        raise CannotPrice(part.problem)
    return part


def _add_energy(energy: _Energy, data: BillData, suffix: str, use: _Use) -> None:
    """Put a suffix's energy where the plan prices it."""
    by_day = {channel_day.market_date: channel_day for channel_day in data.energy.get(suffix, ())}
    if missing := [day for day in data.days if day not in by_day]:
        raise CannotPrice(f"no energy of {suffix} on {missing[0]} and {len(missing) - 1} other days")
    if by_day[data.start].interval_minutes == DAY_MINUTES:
        _add_spread(energy, data, [by_day[day] for day in data.days], use)
        return
    for day in data.days:
        channel_day = by_day[day]
        if len(channel_day.values) * channel_day.interval_minutes != DAY_MINUTES:
            raise CannotPrice(f"{suffix} has {len(channel_day.values)} values on {day}")
        versions = data.plan_on(day)
        for place, first, last in _runs(versions, data.jurisdiction, day, use, channel_day.interval_minutes):
            total = Fraction(sum(channel_day.values[first:last], Decimal(0)))
            if place is None and use.usage_type == "CONTROLLED_LOAD" and total:
                raise CannotPrice(f"controlled load on {day} at a time without a price")
            if place is not None:
                energy[place] = energy.get(place, Fraction(0)) + total


def _add_spread(energy: _Energy, data: BillData, channel_days: Sequence[ChannelDay], use: _Use) -> None:
    """Spread a basic meter's energy evenly over the bill: between two reads nobody knows when it flowed."""
    total = sum((value for channel_day in channel_days for value in channel_day.values), Decimal(0))
    share = Fraction(total) / len(data.days)
    for day in data.days:
        plan, iso = data.plan_on(day).on(day.isoformat()), day.isoformat()
        for part, blocks in _parts(plan, iso, use):
            if len(blocks) != 1 or blocks[0].windows is not None:
                raise CannotPrice("a basic meter on prices by time of day")
            place = (_Place(part, blocks[0]), iso)
            energy[place] = energy.get(place, Fraction(0)) + share


@lru_cache(maxsize=100_000)
def _runs(
    versions: PlanVersions, jurisdiction: str, day: date, use: _Use, minutes: int
) -> tuple[tuple[tuple[_Place, str] | None, int, int], ...]:
    """Cut a market day's intervals into runs that are priced alike: where they belong, first and last + 1."""
    plan = versions.on(day.isoformat())
    step = min(minutes, HALF_HOUR)
    runs: list[tuple[tuple[_Place, str] | None, int, int]] = []
    for number, slot in enumerate(half_hours(plan.clock, jurisdiction, day)):
        for minute in range(0, HALF_HOUR, step):
            place = _place(versions.on(slot.day.iso), jurisdiction, day, use, (number, slot, minute))
            position = (number * HALF_HOUR + minute) // step
            if runs and runs[-1][0] == place:
                runs[-1] = (place, runs[-1][1], position + 1)
            else:
                runs.append((place, position, position + 1))
    return tuple(runs)


def _place(plan: Plan, jurisdiction: str, day: date, use: _Use, at: tuple[int, Slot, int]) -> tuple[_Place, str] | None:
    """Say where the energy of one interval belongs; export that nobody pays for belongs nowhere."""
    number, slot, minute = at
    found: list[tuple[_Place, str]] = []
    for part, blocks in _parts(plan, slot.day.iso, use):
        own = slot
        if isinstance(part, Season) and part.clock != plan.clock:
            own = half_hours(part.clock, jurisdiction, day)[number]
        found += [(_Place(part, block), own.day.iso) for block in blocks if _matches(block, blocks, own, minute)]
    if use.usage_type != "GENERAL" and not found:
        return None
    if len(found) != 1:
        raise CannotPrice(f"{len(found)} prices cover {slot.day.iso} minute {slot.minute + minute}")
    return found[0]


def _parts(plan: Plan, iso: str, use: _Use) -> list[tuple[Season | DatedBlocks, tuple[Block, ...]]]:
    if use.usage_type == "GENERAL":
        season = _season_on(plan, iso)
        return [(season, season.blocks)]
    if use.usage_type == "CONTROLLED_LOAD":
        load = _load_on(plan, iso)
        return [(load, load.blocks)]
    offered = tuple(one for one in plan.feed_ins if one.covers(iso))
    if _overlap(offered):
        offered = tuple(one for one in offered if one.name == use.feed_in)
        if len(offered) != 1:
            raise CannotPrice(f"several feed-ins at one time, {len(offered)} of them agreed on")
    return [(_sound(one), one.blocks) for one in offered]


@cache
def _overlap(offered: tuple[DatedBlocks, ...]) -> bool:
    """Say whether two feed-ins pay for the same time of any kind of day."""
    if len(offered) < 2:  # noqa: PLR2004 - two are needed
        return False
    kinds = [LocalDay("", weekday, start) for weekday in WEEKDAYS for start in (0, DAY_MINUTES)]
    for slot in (Slot(kind, minute) for kind in kinds for minute in range(0, DAY_MINUTES, HALF_HOUR)):
        if sum(any(_matches(block, one.blocks, slot, 0) for block in one.blocks) for one in offered) > 1:
            return True
    return False


def _matches(block: Block, blocks: Sequence[Block], slot: Slot, minute: int) -> bool:
    """Say whether a block's windows hold at a minute: a holiday of its own overrides the weekday."""
    if block.windows is None:
        return True
    at = slot.minute + minute
    names_holidays = any("PUBLIC_HOLIDAYS" in w.days for other in blocks for w in other.windows or ())
    for window in block.windows:
        if not window.start <= at < window.end:
            continue
        if slot.day.is_holiday(at):
            if "PUBLIC_HOLIDAYS" in window.days:
                return True
            if not names_holidays and slot.day.weekday in window.days:
                return True
        elif slot.day.weekday in window.days or _is_business(window.days, slot.day.weekday):
            return True
    return False


def _is_business(days: frozenset[str], weekday: str) -> bool:
    return "BUSINESS_DAYS" in days and weekday in _BUSINESS_WEEKDAYS


def _energy_lines(energy: _Energy, days_by_part: Mapping[Season | DatedBlocks, int], kind: str) -> list[Line]:
    """Turn energy by place and day into one line per block and step."""
    by_block: dict[_Place, dict[str, Fraction]] = {}
    for (place, iso), quantity in energy.items():
        days = by_block.setdefault(place, {})
        days[iso] = days.get(iso, Fraction(0)) + quantity
    lines = []
    for place, by_day in by_block.items():
        quantities = _stepped(place.block, by_day, days_by_part.get(place.part, 0))
        if kind != "FEED_IN" and sum(quantities) != sum(by_day.values()):
            raise CannotPrice("energy beyond the last step")
        for number, (step, quantity) in enumerate(zip(place.block.steps, quantities, strict=True), start=1):
            amount = to_cents(quantity * Fraction(step.price))
            name = f"{place.block.name} step {number}"
            lines.append(Line(kind, name, quantity, step.price, -amount if kind == "FEED_IN" else amount))
    return lines


def _stepped(block: Block, by_day: Mapping[str, Fraction], pooled_days: int) -> list[Fraction]:
    """Split energy over a block's steps: anew each local day, or pooled over the bill."""
    totals = [Fraction(0)] * len(block.steps)
    if block.pooled_days is None:
        pools, scale = list(by_day.values()), Fraction(1)
    else:
        pools, scale = [sum(by_day.values(), Fraction(0))], pooled_days / block.pooled_days
    for quantity in pools:
        for number, taken in enumerate(_split(block.steps, quantity, scale)):
            totals[number] += taken
    return totals


def _split(steps: Sequence[Step], quantity: Fraction, scale: Fraction) -> list[Fraction]:
    taken, left = [], quantity
    for step in steps:
        part = left if step.volume is None else min(left, Fraction(step.volume) * scale)
        taken.append(part)
        left -= part
    return taken
