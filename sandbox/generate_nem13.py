"""Basic meters: two readings and the energy between them, as a NEM13 record or as the retailer's own reading."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from sandbox.generate_edits import EditBook
from sandbox.generate_nem12 import Block, Mdp, channel_group
from sandbox.generate_orders import reading_text
from sandbox.generate_population import ServicePoint
from sandbox.generate_profiles import day_energies

# Places of three fields among those written, where a quality with its two reasons is one.
_PREVIOUS_AT, _CURRENT_AT, _QUANTITY = 9, 12, 14


@dataclass(frozen=True)
class Accumulation:
    """What a basic meter counted over a closing contract's period.

    Attributes:
        previous_day: the day whose end the previous reading stands for.
        day: the day whose end the present reading stands for.
        previous_ticks: previous reading in the register's smallest unit.
        ticks: present reading likewise.
        daily_wh: the energy spread evenly, what is left over on the last day.
    """

    previous_day: date
    day: date
    previous_ticks: int
    ticks: int
    daily_wh: tuple[int, ...]

    @property
    def total_wh(self) -> int:
        """The energy between the readings."""
        return sum(self.daily_wh)


def accumulate(seed: int, point: ServicePoint) -> Accumulation:
    """Read a basic meter at the ends of its contract's period.

    Raises:
        ValueError: when the contract does not close in the seeded range.
    """
    if point.closing is None:
        raise ValueError(f"service point {point.nmi} has no period")
    closing, register = point.closing, point.registers[0]
    group = channel_group(30, [(point, register.suffix)])
    days = [closing.period_start + timedelta(days=n) for n in range(closing.day_count)]
    wanted = sum(int(day_energies(seed, group, day).sum()) for day in days)
    tick_wh = 1000 * register.multiplier // 10**register.decimal_places
    used = wanted // tick_wh
    share, rest = divmod(used * tick_wh, len(days))
    return Accumulation(
        previous_day=closing.period_start - timedelta(days=1),
        day=closing.day,
        previous_ticks=register.previous,
        ticks=(register.previous + used) % 10 ** (register.integer_places + register.decimal_places),
        daily_wh=(share,) * (len(days) - 1) + (share + rest,),
    )


def accumulation_block(seed: int, point: ServicePoint, mdp: Mdp, book: EditBook) -> Block:
    """Write the 250 record of a closing contract's meter, and the 550 that some providers add."""
    read, register = accumulate(seed, point), point.registers[0]
    width = register.integer_places + (register.decimal_places + 1 if register.decimal_places else 0)
    fields = [
        "250",
        point.nmi,
        register.suffix,
        "1",
        register.suffix,
        register.suffix,
        point.serial_number,
        "E",
        reading_text(read.previous_ticks, register).zfill(width),
        f"{read.previous_day:%Y%m%d}093000",
        "A,,",
        reading_text(read.ticks, register).zfill(width),
        f"{read.day:%Y%m%d}101500",
        "A,,",
        f"{read.total_wh // 1000}.{read.total_wh % 1000:03d}",
        "kWh",
        f"{read.day + timedelta(days=28):%Y%m%d}",
        f"{read.day + timedelta(days=1):%Y%m%d}021033",
        f"{read.day + timedelta(days=1):%Y%m%d}041033",
    ]
    lines = [",".join(fields)]
    if mdp.number % 2 == 0:
        lines.append("550,N,,N,")
    if point.index in book.misdated:
        fields[_PREVIOUS_AT], fields[_CURRENT_AT] = fields[_CURRENT_AT], fields[_PREVIOUS_AT]
        fields[_QUANTITY] = "0"
        lines.append(",".join(fields))
    return Block(lines)
