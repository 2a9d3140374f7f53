"""A plan's price rules as the pretend SAP reads them from a CDR plan answer: typed, exact, complete or refused.

What a rule does not cover is never guessed: ``CannotPrice`` says what stands in the way, and the contract stays
unbilled. What stays out: energy and amounts (``sap_pricer``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation

DAY_MINUTES = 1440
WEEKDAYS = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_DAY_NAMES = frozenset({*WEEKDAYS, "PUBLIC_HOLIDAYS", "BUSINESS_DAYS"})
_PERIODS = frozenset({"P1D", "P1M", "P3M", "P1Y"})
_DEFAULT_PERIOD = "P1Y"
_RECURRING = frozenset({"DAILY", "WEEKLY", "MONTHLY", "BIANNUAL", "ANNUAL"})
# Fees for an event (a connection, a late payment) are on no ordinary bill.
_STANDING_FEES = frozenset({"MEMBERSHIP", "CONTRIBUTION", "PAPER_BILL", "OTHER"})
# Above these a value cannot be dollars (a day's supply, a kWh); below the last it cannot be cents a kWh.
_MOST_SUPPLY_AUD = Decimal(20)
_MOST_RATE_AUD = Decimal(3)
_LEAST_RATE_CENTS = Decimal(1)

# A later version of a plan holds from the day that its dates name in market time.
_MARKET_TIME = timezone(timedelta(hours=10))

Json = Mapping[str, object]


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
    """A price up to a volume; the last step has none."""

    price: Decimal
    volume: Decimal | None


@dataclass(frozen=True, eq=False)
class Block:
    """One kind of energy with its steps; ``windows`` None means at any time."""

    name: str
    steps: tuple[Step, ...]
    period: str
    windows: tuple[Window, ...] | None = None


@dataclass(frozen=True, eq=False)
class Season:
    """A tariff period: month-day range (inclusive, may wrap), daily supply, blocks."""

    start: str
    end: str
    clock: str
    supply: Decimal
    blocks: tuple[Block, ...]

    def covers(self, month_day: str) -> bool:
        """Say whether a month-day (``02-28``) lies in the season."""
        if self.start <= self.end:
            return self.start <= month_day <= self.end
        return month_day >= self.start or month_day <= self.end


@dataclass(frozen=True, eq=False)
class DatedBlocks:
    """Blocks that hold between two ISO dates (controlled load, feed-in)."""

    name: str
    start: str
    end: str
    supply: Decimal
    blocks: tuple[Block, ...]

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
        self._answers = [("0001-01-01" if n == 0 else start, answer) for n, (start, answer) in enumerate(dated)]
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
    return max(days, default="0001-01-01")


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
    return Plan(
        str(answer.get("planId", "")),
        clock,
        tuple(_season(period, clock, divisor) for period in periods),
        tuple(_controlled_load(_object(c, "controlledLoad"), divisor) for c in _list(contract.get("controlledLoad"))),
        tuple(_feed_in(_object(f, "solarFeedInTariff"), divisor) for f in _list(contract.get("solarFeedInTariff"))),
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
    for name in ("demandCharges", "bandedDailySupplyCharges"):
        if _list(period.get(name)):
            raise CannotPrice(name)
    single, bands = period.get("singleRate"), _list(period.get("timeOfUseRates"))
    if (single is None) == (not bands):
        raise CannotPrice("a tariff period needs either one single rate or time of use rates")
    supply = _number(period.get("dailySupplyCharge", period.get("dailySupplyCharges")))
    if supply is None:
        raise CannotPrice("no daily supply charge")
    blocks = [_block(_object(single, "singleRate"), divisor)] if single is not None else _bands(bands, divisor)
    return Season(
        _month_day(period.get("startDate")),
        _month_day(period.get("endDate")),
        str(period.get("timeZone") or clock),
        supply / divisor,
        tuple(blocks),
    )


def _bands(bands: Sequence[object], divisor: Decimal, windows_name: str = "timeOfUse") -> list[Block]:
    return [_block(_object(band, "rate"), divisor, windows_name) for band in bands]


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
    if not steps or any(step.volume is None for step in steps[:-1]) or steps[-1].volume is not None:
        raise CannotPrice("steps without a volume, or an end to the last step")
    period = str(rate.get("period") or _DEFAULT_PERIOD)
    if len(steps) > 1 and period not in _PERIODS:
        raise CannotPrice(f"steps by {period}")
    name = str(rate.get("type") or rate.get("displayName") or "")
    if windows_name is None:
        return Block(name, tuple(steps), period)
    windows = tuple(
        window for item in _list(rate.get(windows_name)) for window in _windows(_object(item, windows_name))
    )
    return Block(name, tuple(steps), period, windows)


def _windows(entry: Json) -> Iterator[Window]:
    days = frozenset(str(day) for day in _list(entry.get("days"))) or frozenset(WEEKDAYS)
    if unknown := days - _DAY_NAMES:
        raise CannotPrice(f"days {sorted(unknown)}")
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
    if not re.fullmatch(r"\d{3,4}", digits):
        raise CannotPrice(f"a time of day {value!r}")
    hours, minutes = int(digits[:-2]), int(digits[-2:])
    if hours * 60 + minutes > DAY_MINUTES or minutes > 59:  # noqa: PLR2004 - minutes of an hour
        raise CannotPrice(f"a time of day {value!r}")
    return hours * 60 + minutes


def _controlled_load(entry: Json, divisor: Decimal) -> DatedBlocks:
    single, bands = entry.get("singleRate"), _list(entry.get("timeOfUseRates"))
    if (single is None) == (not bands):
        raise CannotPrice("a controlled load needs either one single rate or time of use rates")
    rates = [_object(rate, "controlledLoad") for rate in ([single] if single is not None else bands)]
    supplies = {_number(rate.get("dailySupplyCharge")) or Decimal(0) for rate in rates} - {Decimal(0)}
    if len(supplies) > 1:
        raise CannotPrice("a controlled load with several supply charges")
    blocks = [_block(rates[0], divisor)] if single is not None else _bands(bands, divisor)
    supply = next(iter(supplies), Decimal(0)) / divisor
    return DatedBlocks(str(entry.get("displayName", "")), *_dates(entry), supply, tuple(blocks))


def _feed_in(entry: Json, divisor: Decimal) -> DatedBlocks:
    single, varying = entry.get("singleTariff"), _list(entry.get("timeVaryingTariffs"))
    if (single is None) == (not varying):
        raise CannotPrice("a feed-in needs either one tariff or time varying tariffs")
    if single is not None:
        blocks = [_block(_object(single, "singleTariff"), divisor)]
    else:
        blocks = _bands(varying, divisor, "timeVariations")
    return DatedBlocks(str(entry.get("displayName", "")), *_dates(entry), Decimal(0), tuple(blocks))


def _dates(entry: Json) -> tuple[str, str]:
    return str(entry.get("startDate") or "0001-01-01")[:10], str(entry.get("endDate") or "9999-12-31")[:10]


def _divisor(periods: Iterable[Json], contract: Json) -> Decimal:
    """Decide whether rates and supply are dollars (1) or cents (100)."""
    supplies = [_number(period.get("dailySupplyCharge", period.get("dailySupplyCharges"))) for period in periods]
    rates = list(_prices(list(periods))) + list(_prices(_list(contract.get("controlledLoad"))))
    most_supply = max((value for value in supplies if value is not None), default=Decimal(0))
    most_rate = max(rates, default=Decimal(0))
    if most_supply <= _MOST_SUPPLY_AUD and most_rate <= _MOST_RATE_AUD:
        return Decimal(1)
    if 0 < most_rate < _LEAST_RATE_CENTS:
        raise CannotPrice("it is not clear whether prices are cents or dollars")
    return Decimal(100)


def _prices(value: object) -> Iterator[Decimal]:
    """Find every unit price below a JSON value, demand charges left out."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name == "unitPrice":
                price = _number(inner)
                if price is not None:
                    yield price
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
