"""Who is supplied: service points, their customers, contracts, meters and registers.

Each service point is drawn from its own generator (seed and index), so that point 17 is the same in a seed of 20
and in a seed of 100,000. What stays out: when a contract closes (``generate_orders``), energy (``generate_profiles``).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta

from sandbox.generate_plans import choose_plan
from sandbox.nmi import NETWORKS, WHEEL, build_nmi

_FIRST_NAMES = (
    "Ada",
    "Bo",
    "Cleo",
    "Dan",
    "Ella",
    "Finn",
    "Gita",
    "Hugo",
    "Isla",
    "Jun",
    "Kiri",
    "Liam",
    "Mei",
    "Noor",
)
_LAST_NAMES = ("Abbott", "Brown", "Chen", "Dale", "Evans", "Ford", "Gill", "Hart", "Ivanov", "Jones", "Khan", "Lee")
_TRADES = ("Bakery", "Cafe", "Joinery", "Laundry", "Nursery", "Print Works", "Timber Yard", "Vet Clinic")
_BANDS = {"TOU2": ("PEAK", "OFF_PEAK"), "TOU3": ("PEAK", "OFF_PEAK", "SHOULDER")}
BASIC_INTERVAL = 1440
# Minutes, as often as they are drawn: most new meters count five minutes.
INTERVAL_LENGTHS = (5, 5, 5, 15, 30, 30)


@dataclass(slots=True)
class Register:
    """A register of a meter; ``previous`` counts the smallest unit it shows."""

    register_id: str
    suffix: str
    usage_type: str
    time_band: str
    unit: str
    multiplier: int
    integer_places: int
    decimal_places: int
    previous: int

    @property
    def is_nearly_full(self) -> bool:
        """Whether the next bill passes the highest reading it can show."""
        top: int = 10 ** (self.integer_places + self.decimal_places)
        return self.previous * 10 > 9 * top


@dataclass(slots=True)
class Closing:
    """A contract's bill in the seeded range; ``is_bulk`` data come as one file on the closing day."""

    day: date
    period_start: date
    is_bulk: bool = False

    @property
    def day_count(self) -> int:
        """Market days of the period, both ends included."""
        return (self.day - self.period_start).days + 1


@dataclass(slots=True)
class ServicePoint:
    """One supply address with everything that hangs on it."""

    index: int
    nmi: str
    jurisdiction: str
    distributor: str
    network_tariff_code: str
    meter_type: str
    delivery: str
    interval_minutes: int
    mdp: int
    customer_type: str
    is_gst_registered: bool
    is_life_support: bool
    is_vacant: bool
    connection_capability_kw: str | None
    distribution_loss_factor: str
    plan_id: str
    plan_kind: str
    daily_wh: dict[str, int]
    serial_number: str
    customer_name: str
    contract_start: date
    registers: list[Register] = field(default_factory=list)
    closing: Closing | None = None
    has_reactive: bool = False

    @property
    def contract_id(self) -> str:
        """Ten digits, as IS-U numbers contracts."""
        return f"{40_000_000 + self.index:010d}"

    @property
    def contract_account_id(self) -> str:
        """Twelve digits."""
        return f"{200_000_000 + self.index:012d}"

    @property
    def customer_id(self) -> str:
        """Ten digits."""
        return f"{100_000_000 + self.index:010d}"

    @property
    def device_id(self) -> str:
        """Eighteen digits, zero padded."""
        return f"{10_000_000 + self.index:018d}"

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Energy suffixes in file order."""
        return tuple(self.daily_wh)

    @property
    def is_basic(self) -> bool:
        """Whether the meter only shows totals."""
        return self.interval_minutes == BASIC_INTERVAL


def build_population(
    count: int, seed: int, day: date, interval_lengths: tuple[int, ...] = INTERVAL_LENGTHS
) -> list[ServicePoint]:
    """Draw the service points of a seed; contracts of all of them are open on ``day``."""
    counters: dict[str, int] = {}
    return [_service_point(index, seed, day, counters, interval_lengths) for index in range(count)]


def _service_point(
    index: int, seed: int, day: date, counters: dict[str, int], interval_lengths: tuple[int, ...]
) -> ServicePoint:
    rng = random.Random(seed * 1_000_003 + index)
    network = NETWORKS[WHEEL[index % len(WHEEL)]]
    block = rng.choice(network.blocks)
    number = counters[block] = counters.get(block, rng.randrange(1000)) + 1
    is_business = _chance(rng, 22)
    is_basic = _chance(rng, 14)
    kind = _plan_kind(rng, is_business=is_business, is_basic=is_basic)
    has_solar = not is_basic and _chance(rng, 30)
    has_controlled_load = not is_basic and not is_business and _chance(rng, 20)
    plan = choose_plan(rng, network.jurisdiction, kind, is_business=is_business, has_cl=has_controlled_load)
    point = ServicePoint(
        index=index,
        nmi=build_nmi(block, number),
        jurisdiction=network.jurisdiction,
        distributor=network.distributor,
        network_tariff_code=network.tariff_codes[3 if is_business else 1 if plan.kind.startswith("TOU") else 0],
        meter_type="BASIC" if is_basic else rng.choice(("COMMS4D", "COMMS4D", "MRIM", "COMMS4C")),
        delivery="FILE",
        interval_minutes=BASIC_INTERVAL if is_basic else rng.choice(interval_lengths),
        mdp=rng.randrange(6),
        customer_type="BUSINESS" if is_business else "RESIDENTIAL",
        is_gst_registered=is_business and _chance(rng, 70),
        is_life_support=not is_business and _chance(rng, 2),
        is_vacant=_chance(rng, 3),
        connection_capability_kw=None if _chance(rng, 10) else ("173.88" if is_business else "14.49"),
        distribution_loss_factor=f"1.0{rng.randrange(100, 700):04d}",
        plan_id=plan.plan_id,
        plan_kind=plan.kind,
        daily_wh=_daily_energy(
            rng, is_business=is_business, is_basic=is_basic, has_solar=has_solar, has_cl=has_controlled_load
        ),
        serial_number=f"{rng.choice(('LG', 'EM', 'SP'))}{21_000_000 + index:08d}",
        customer_name=_name(rng, is_business=is_business),
        contract_start=day - timedelta(days=rng.randrange(120, 1500)),
    )
    _deliver(point, rng)
    point.has_reactive = is_business and point.delivery == "FILE" and not is_basic and _chance(rng, 30)
    point.registers = _registers(point, rng)
    return point


def _chance(rng: random.Random, percent: int) -> bool:
    return rng.randrange(100) < percent


def _plan_kind(rng: random.Random, *, is_business: bool, is_basic: bool) -> str:
    if is_basic:
        return "FLAT"
    return rng.choice(("FLAT", "TOU", "TOU") if is_business else ("FLAT", "STEPPED", "TOU", "TOU"))


def _deliver(point: ServicePoint, rng: random.Random) -> None:
    """Decide how the meter data arrive."""
    if point.is_basic:
        point.delivery = "READING" if _chance(rng, 50) else "FILE"
    elif _chance(rng, 6):
        point.delivery = "API"
    if point.is_vacant:
        point.daily_wh = {suffix: max(wh // 40, 60) for suffix, wh in point.daily_wh.items()}


def _daily_energy(
    rng: random.Random, *, is_business: bool, is_basic: bool, has_solar: bool, has_cl: bool
) -> dict[str, int]:
    """Mean energy of a day by suffix, in Wh; far below the connection's capability."""
    general = rng.randrange(30_000, 420_000) if is_business else rng.randrange(6_000, 27_000)
    if is_basic:
        return {"11": min(general, 60_000)}
    energy = {"E1": general}
    if has_cl:
        energy["E2"] = rng.randrange(3_000, 9_000)
    if has_solar:
        energy["B1"] = rng.randrange(20_000, 80_000) if is_business else rng.randrange(5_000, 22_000)
    return energy


def _name(rng: random.Random, *, is_business: bool) -> str:
    name = f"{rng.choice(_FIRST_NAMES)} {rng.choice(_LAST_NAMES)}"
    return f"{name} {rng.choice(_TRADES)} Pty Ltd" if is_business else name


def _registers(point: ServicePoint, rng: random.Random) -> list[Register]:
    """Give every suffix its registers: one for all, or one per band of the plan for the general load."""
    multiplier = 40 if point.customer_type == "BUSINESS" and not point.is_basic and _chance(rng, 25) else 1
    integers, decimals = rng.choice(((5, 0), (5, 1), (6, 0), (6, 2), (6, 3), (7, 3)))
    if multiplier > 1:
        decimals = max(decimals, 2)
    wanted: list[tuple[str, str, str]] = []
    for suffix in point.suffixes:
        usage = {"E2": "CONTROLLED_LOAD", "B1": "GENERATION"}.get(suffix, "GENERAL")
        by_band = usage == "GENERAL" and point.plan_kind in _BANDS and _chance(rng, 60)
        wanted += [(suffix, usage, band) for band in (_BANDS[point.plan_kind] if by_band else ("ALL",))]
    registers = []
    for number, (suffix, usage, band) in enumerate(wanted, start=1):
        previous = rng.randrange(10 ** (integers + decimals) * 6 // 10)
        registers.append(
            Register(f"{number:03d}", suffix, usage, band, "KWH", multiplier, integers, decimals, previous)
        )
    if multiplier > 1 and _chance(rng, 50):
        registers.append(Register(f"{len(registers) + 1:03d}", "E1", "DEMAND", "ALL", "KW", 1, 4, 3, 0))
    return registers
