"""What is to differ from a plain delivery: edits of single channel-days, resends, special files and their records.

What belongs here: the values that say what is planted and where it ended up. What stays out: which points are
hit (``generate_defects``) and how records are written (``generate_nem12``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from sandbox.generate_population import ServicePoint
from sandbox.generate_profiles import Energies

ChannelDay = tuple[int, str, date]


@dataclass
class Plant:
    """One planted defect and what finding it must say; ``file`` and ``line`` are filled when it is written."""

    rule_code: str
    billing_day: date
    nmi: str | None = None
    nmi_suffix: str | None = None
    contract_id: str | None = None
    first_market_date: date | None = None
    last_market_date: date | None = None
    note: str = ""
    file: str | None = None
    line: int | None = None

    def as_json(self) -> dict[str, object]:
        """Give the entry of ``truth/planted.json``."""
        return {name: str(value) if isinstance(value, date) else value for name, value in self.__dict__.items()}


@dataclass(frozen=True)
class Edit:
    """How one channel-day is delivered differently.

    Attributes:
        is_dropped: nothing of it is delivered.
        quality: the 300 record's QualityMethod.
        reason: its ReasonCode.
        events: 400 records as (first interval, last interval, quality, reason).
        change: turns the list of value texts into another one.
        conflicting_change: a second 300 record with the same stamps and these values follows.
        serial_number: what the 200 record says instead.
        has_wrong_check_digit: the 200 record prints eleven characters, the last of them wrong.
        extra_suffix: one more channel that nobody configured follows.
        index_read: a 500 record with this register reading follows.
        is_true: what is delivered is what really flowed, odd as it is.
        plant: the defect this is, if it is one.
    """

    is_dropped: bool = False
    quality: str = "A"
    reason: str = ""
    events: tuple[tuple[int, int, str, str], ...] = ()
    change: Callable[[list[str]], list[str]] | None = None
    conflicting_change: Callable[[list[str]], list[str]] | None = None
    serial_number: str | None = None
    has_wrong_check_digit: bool = False
    extra_suffix: str | None = None
    index_read: str | None = None
    is_true: bool = False
    plant: Plant | None = None


@dataclass(frozen=True)
class Resend:
    """A channel-day delivered once more on another day.

    Attributes:
        billing_day: the day it is delivered.
        point: whose it is.
        suffix: which channel.
        market_day: the day it is about.
        stamp: its UpdateDateTime.
        per_mille: its values, as a share of the true ones.
        plant: the defect this is, if it is one.
    """

    billing_day: date
    point: ServicePoint
    suffix: str
    market_day: date
    stamp: str
    per_mille: int = 1000
    plant: Plant | None = None


@dataclass(frozen=True)
class SpecialFile:
    """A file of its own on the demo day.

    Attributes:
        kind: CUT_OFF, NO_HEADER, UNREADABLE or UNKNOWN (complete and well formed).
        points: whose day it carries.
        plants: defects of the file as a whole.
        record_plants: defects by the point that carries them.
    """

    kind: str
    points: tuple[ServicePoint, ...]
    plants: tuple[Plant, ...] = ()
    record_plants: dict[int, Plant] = field(default_factory=dict)


@dataclass
class EditBook:
    """Everything planted in one seed; ``misdated`` basic meters get one more record, its two reads swapped."""

    plants: list[Plant] = field(default_factory=list)
    edits: dict[ChannelDay, Edit] = field(default_factory=dict)
    resends: list[Resend] = field(default_factory=list)
    special_files: list[SpecialFile] = field(default_factory=list)
    victims: set[int] = field(default_factory=set)
    statements: list[tuple[str, tuple[object, ...]]] = field(default_factory=list)
    misdated: set[int] = field(default_factory=set)

    def plant(self, entry: Plant) -> Plant:
        """Record a defect."""
        self.plants.append(entry)
        return entry


def scaled(values: Energies, per_mille: int) -> Energies:
    """Give a share of the values, in whole watt-hours."""
    result: Energies = values * per_mille // 1000
    return result
