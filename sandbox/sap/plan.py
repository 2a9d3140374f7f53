"""A plan's price rules as the pretend SAP reads them from a CDR plan answer: typed, exact, complete or refused.

What a rule does not cover is never guessed: ``CannotPrice`` says what stands in the way, and the contract stays
unbilled. What stays out: energy and amounts (``pricer``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from fractions import Fraction

DAY_MINUTES = 1440
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_DAY_NAMES = frozenset({*WEEKDAYS, "PUBLIC_HOLIDAYS", "BUSINESS_DAYS"})
# Days of an ISO duration's unit, where a bill pools over it.
_DAYS_OF = {"D": Fraction(1), "W": Fraction(7), "M": Fraction(365, 12), "Y": Fraction(365)}
_DEFAULT_PERIOD = "P1Y"
_RECURRING = frozenset({"DAILY", "WEEKLY", "MONTHLY", "BIANNUAL", "ANNUAL"})
# Fees for an event (a connection, a late payment) are on no ordinary bill.
_STANDING_FEES = frozenset({"MEMBERSHIP", "CONTRIBUTION", "PAPER_BILL", "OTHER"})
# Above these a value cannot be dollars: a day's supply, the dearest kWh. Between 2 and 5 a rate alone proves nothing.
_MOST_SUPPLY_AUD = Decimal(20)
_MOST_RATE_AUD = Decimal(2)
_LEAST_RATE_CENTS = Decimal(5)
_MOST_RATE_CENTS = Decimal(200)

# A later version of a plan holds from the day that its dates name in market time.
_EVER = "0001-01-01"
_MARKET_TIME = timezone(timedelta(hours=10))

Json = Mapping[str, object]
_BlockReader = Callable[[Json, Decimal], "tuple[Decimal, tuple[Block, ...]]"]


class CannotPrice(Exception):  # noqa: N818 - a verdict about a plan, not a failure
    """The plan or the contract needs something that this pricer does not price."""


@dataclass(frozen=True)
class Window:
    """Minutes of a local day, start included, end not, on some days."""

    days: frozenset[str]
    start: int
    end: int


@dataclass(frozen=True)
class Step:
    """A price up to a volume; a last step with a volume leaves what lies beyond without a price."""

    price: Decimal
    volume: Decimal | None


@dataclass(frozen=True, eq=False)
class Block:
    """One kind of energy with its steps; ``windows`` None means at any time.

    ``pooled_days`` is the length of the period that its volumes hold for, None when they start anew each day.
    """

    name: str
    steps: tuple[Step, ...]
    pooled_days: Fraction | None
    windows: tuple[Window, ...] | None = None


@dataclass(frozen=True, eq=False)
class Season:
    """A tariff period: month-day range (inclusive, may wrap), daily supply, blocks.

    ``problem`` says why it cannot be priced: that concerns only bills in this season.
    """

    start: str
    end: str
    clock: str
    supply: Decimal
    blocks: tuple[Block, ...]
    problem: str = ""

    def covers(self, month_day: str) -> bool:
        """Say whether a month-day (``02-28``) lies in the season."""
        if self.start <= self.end:
            return self.start <= month_day <= self.end
        return month_day >= self.start or month_day <= self.end


@dataclass(frozen=True, eq=False)
class DatedBlocks:
    """Blocks that hold between two ISO dates (controlled load, feed-in); ``problem`` as in a season."""

    name: str
    start: str
    end: str
    supply: Decimal
    blocks: tuple[Block, ...]
    problem: str = ""

    def covers(self, iso_date: str) -> bool:
        """Say whether the blocks hold on a day."""
        return self.start <= iso_date <= self.end


@dataclass(frozen=True, eq=False)
class Plan:
    """The price rules of one plan version, in dollars ex GST."""

    plan_id: str
    clock: str
    seasons: tuple[Season, ...]
    controlled_loads: tuple[DatedBlocks, ...]
    feed_ins: tuple[DatedBlocks, ...]


class PlanVersions:
    """All known versions of one plan; the first one reaches back to the beginning."""

    def __init__(self, answers: Iterable[Json]) -> None:
        dated = sorted(((_holds_from(answer), answer) for answer in answers), key=lambda pair: pair[0])
        self._answers = [(_EVER if n == 0 else start, answer) for n, (start, answer) in enumerate(dated)]
        self._read: dict[str, Plan] = {}

    def on(self, iso_date: str) -> Plan:
        """Give the version in force on a day of the plan's clock.

        Raises:
            CannotPrice: when that version cannot be priced.
        """
        start, answer = [pair for pair in self._answers if pair[0] <= iso_date][-1]
        if start not in self._read:
            self._read[start] = read_plan(answer)
        return self._read[start]


def _holds_from(answer: Json) -> str:
    """Take the later of effectiveFrom and lastUpdated, an instant, as a market day."""
    instants = [str(answer[name]) for name in ("effectiveFrom", "lastUpdated") if answer.get(name)]
    days = [datetime.fromisoformat(text).astimezone(_MARKET_TIME).date().isoformat() for text in instants]
    return max(days, default=_EVER)


def read_plan(answer: Json) -> Plan:
    """Read the ``data`` object of a plan answer.

    Raises:
        CannotPrice: when it holds what this pricer does not price.
    """
    contract = _object(answer.get("electricityContract"), "electricityContract")
    _refuse_what_is_not_priced(contract)
    clock = str(contract.get("timeZone") or "AEST")
    periods = [_object(item, "tariffPeriod") for item in _list(contract.get("tariffPeriod"))]
    if not periods:
        raise CannotPrice("no tariff period")
    divisor = _divisor(periods, contract)
    held_from = _holds_from(answer)
    return Plan(
        str(answer.get("planId", "")),
        clock,
        tuple(_season(period, clock, divisor) for period in periods),
        tuple(_dated(load, held_from, divisor, _load_blocks) for load in _list(contract.get("controlledLoad"))),
        tuple(_dated(one, held_from, divisor, _feed_in_blocks) for one in _list(contract.get("solarFeedInTariff"))),
    )


def _refuse_what_is_not_priced(contract: Json) -> None:
    for item in _list(contract.get("discounts")):
        if _object(item, "discounts").get("type") != "CONDITIONAL":
            raise CannotPrice("a discount that is not conditional")
    for item in _list(contract.get("fees")):
        fee = _object(item, "fees")
        if fee.get("term") in _RECURRING and fee.get("type") in _STANDING_FEES:
            raise CannotPrice(f"a recurring fee ({fee.get('type')})")
    if contract.get("pricingModel") == "QUOTA":
        raise CannotPrice("quota pricing")


def _season(period: Json, clock: str, divisor: Decimal) -> Season:
    span = (_month_day(period.get("startDate")), _month_day(period.get("endDate")))
    clock = str(period.get("timeZone") or clock)
    try:
        return Season(*span, clock, *_season_prices(period, divisor))
    except CannotPrice as problem:
        return Season(*span, clock, Decimal(0), (), str(problem))


def _season_prices(period: Json, divisor: Decimal) -> tuple[Decimal, tuple[Block, ...]]:
    for name in ("demandCharges", "bandedDailySupplyCharges"):
        if _list(period.get(name)):
            raise CannotPrice(name)
    supply = _number(_supply_text(period))
    if supply is None:
        raise CannotPrice("no daily supply charge")
    return supply / divisor, _blocks(period.get("singleRate"), _list(period.get("timeOfUseRates")), divisor)


def _supply_text(entry: Json) -> object:
    return entry.get("dailySupplyCharge", entry.get("dailySupplyCharges"))


def _blocks(
    single: object, bands: Sequence[object], divisor: Decimal, windows_name: str = "timeOfUse"
) -> tuple[Block, ...]:
    """Read either one rate for all times or rates by time."""
    if (single is None) == (not bands):
        raise CannotPrice("either one single rate or rates by time are needed")
    if single is not None:
        return (_block(_object(single, "rate"), divisor),)
    return tuple(_block(_object(band, "rate"), divisor, windows_name) for band in bands)


def _block(rate: Json, divisor: Decimal, windows_name: str | None = None) -> Block:
    if _number(rate.get("generalUnitPrice")) is not None:
        raise CannotPrice("quota pricing")
    steps = []
    for item in _list(rate.get("rates")):
        step = _object(item, "rates")
        price = _number(step.get("unitPrice"))
        if price is None or str(step.get("measureUnit") or "KWH").upper() != "KWH":
            raise CannotPrice(f"a price without value or not per kWh: {dict(step)}")
        steps.append(Step(price / divisor, _number(step.get("volume"))))
    if not steps or any(step.volume is None for step in steps[:-1]) or any(step.volume == 0 for step in steps):
        raise CannotPrice("steps without a volume")
    has_volumes = steps[-1].volume is not None or len(steps) > 1
    pooled_days = _pooled_days(str(rate.get("period") or _DEFAULT_PERIOD)) if has_volumes else None
    name = str(rate.get("type") or rate.get("displayName") or "")
    if windows_name is None:
        return Block(name, tuple(steps), pooled_days)
    is_feed_in = windows_name == "timeVariations"
    windows = tuple(
        window
        for item in _list(rate.get(windows_name))
        for window in _windows(_object(item, windows_name), is_feed_in=is_feed_in)
    )
    return Block(name, tuple(steps), pooled_days, windows)


def _pooled_days(period: str) -> Fraction | None:
    match = re.fullmatch(r"P([1-9]\d?)([DWMY])", period)
    if match is None:
        raise CannotPrice(f"steps by {period}")
    return None if period == "P1D" else int(match[1]) * _DAYS_OF[match[2]]


def _windows(entry: Json, *, is_feed_in: bool) -> Iterator[Window]:
    days = frozenset(str(day) for day in _list(entry.get("days"))) or frozenset(WEEKDAYS)
    if unknown := days - _DAY_NAMES:
        raise CannotPrice(f"days {sorted(unknown)}")
    if is_feed_in and entry.get("startTime") is None and entry.get("endTime") is None:
        yield Window(days, 0, DAY_MINUTES)
        return
    start, end = _minute(entry.get("startTime")), _minute(entry.get("endTime"))
    if end % 60 == 59:  # noqa: PLR2004 - the register's way to say "to the end of this minute"
        end += 1
    if end == 0:
        end = DAY_MINUTES
    if start < end:
        yield Window(days, start, end)
    elif start > end:
        yield Window(days, start, DAY_MINUTES)
        yield Window(days, 0, end)
    else:
        raise CannotPrice(f"a window from {entry.get('startTime')} to {entry.get('endTime')}")


def _minute(value: object) -> int:
    digits = str(value if value is not None else "").replace(":", "")
    if not re.fullmatch(r"\d{1,4}", digits):
        raise CannotPrice(f"a time of day {value!r}")
    digits = digits.zfill(4)
    hours, minutes = int(digits[:-2]), int(digits[-2:])
    if hours * 60 + minutes > DAY_MINUTES or minutes > 59:  # noqa: PLR2004 - minutes of an hour
        raise CannotPrice(f"a time of day {value!r}")
    return hours * 60 + minutes


def _dated(item: object, held_from: str, divisor: Decimal, read: _BlockReader) -> DatedBlocks:
    """Read an entry that may have dates; one that began with its plan version or before reaches back with it."""
    entry = _object(item, "controlledLoad or solarFeedInTariff")
    start = str(entry.get("startDate") or _EVER)[:10]
    span = (_EVER if start <= held_from else start, str(entry.get("endDate") or "9999-12-31")[:10])
    name = str(entry.get("displayName", ""))
    try:
        return DatedBlocks(name, *span, *read(entry, divisor))
    except CannotPrice as problem:
        return DatedBlocks(name, *span, Decimal(0), (), str(problem))


def _load_blocks(entry: Json, divisor: Decimal) -> tuple[Decimal, tuple[Block, ...]]:
    single, bands = entry.get("singleRate"), _list(entry.get("timeOfUseRates"))
    blocks = _blocks(single, bands, divisor)
    rates = [entry, *(_object(rate, "rate") for rate in ([single] if single is not None else bands))]
    supplies = {number for rate in rates if (number := _number(rate.get("dailySupplyCharge"))) is not None}
    if len(supplies) > 1:
        raise CannotPrice("a controlled load with several supply charges")
    return next(iter(supplies), Decimal(0)) / divisor, blocks


def _feed_in_blocks(entry: Json, divisor: Decimal) -> tuple[Decimal, tuple[Block, ...]]:
    varying = _list(entry.get("timeVaryingTariffs"))
    return Decimal(0), _blocks(entry.get("singleTariff"), varying, divisor, "timeVariations")


def _divisor(periods: Iterable[Json], contract: Json) -> Decimal:
    """Decide whether rates and supply are dollars (1) or cents (100): all the evidence has to agree."""
    periods = list(periods)
    supplies = [number for period in periods if (number := _number(_supply_text(period)))]
    rates = [*_prices(periods), *_prices(_list(contract.get("controlledLoad")))]
    dearest = max(rates, default=Decimal(0))
    is_dollars = all(supply <= _MOST_SUPPLY_AUD for supply in supplies) and dearest <= _MOST_RATE_AUD
    if is_dollars and (supplies or dearest):
        return Decimal(1)
    least_rate = _MOST_RATE_AUD if supplies else _LEAST_RATE_CENTS
    is_rate_cents = least_rate < dearest <= _MOST_RATE_CENTS or (not dearest and bool(supplies))
    if is_rate_cents and all(supply > _MOST_SUPPLY_AUD for supply in supplies):
        return Decimal(100)
    raise CannotPrice("it is not clear whether prices are cents or dollars")


def _prices(value: object) -> Iterator[Decimal]:
    """Find every unit price below a JSON value, demand charges left out."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name == "unitPrice":
                with suppress(CannotPrice):
                    yield _number(inner) or Decimal(0)
            elif name not in {"demandCharges", "bandedDailySupplyCharges"}:
                yield from _prices(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _prices(inner)


def _number(value: object) -> Decimal | None:
    if value is None or value == "":
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise CannotPrice(f"{value!r} is not a number") from error
    if not number.is_finite() or number < 0:
        raise CannotPrice(f"{value!r} is not a price or volume")
    return number


def _month_day(value: object) -> str:
    text = str(value or "")
    if not re.fullmatch(r"\d{2}-\d{2}", text):
        raise CannotPrice(f"a season's end {value!r}")
    return text


def _object(value: object, name: str) -> Json:
    if not isinstance(value, Mapping):
        raise CannotPrice(f"{name} is not an object")
    return value


def _list(value: object) -> Sequence[object]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise CannotPrice("a list is expected in the plan")
    return value
