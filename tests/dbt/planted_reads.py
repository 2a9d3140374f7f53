"""Meters with a planted fault or a near miss each, as delivered files and as the retailer's rows.

What belongs here: how a meter, its contract and its records are written. What stays out: which faults there are, and
what the rules must say (the test).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

DAY, FIRST = date(2026, 5, 20), date(2026, 4, 21)
LONG_AGO = date(2020, 1, 1)
Event = tuple[int, int, str, str]


def span(first: date, last: date) -> list[date]:
    """Every day of a span."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


@dataclass(frozen=True)
class Day:
    """A day's record where it is not like the others.

    Attributes:
        values: of its intervals; the meter's usual ones when empty.
        quality: flag and method.
        reason: reason code.
        events: interval events as first and last interval, quality, reason.
        index: reading of the register at the day's end.
        is_dropped: whether the day does not come.
    """

    values: Sequence[str] = ()
    quality: str = "A"
    reason: str = ""
    events: Sequence[Event] = ()
    index: str = ""
    is_dropped: bool = False


@dataclass(frozen=True)
class Read:
    """A basic meter's record of two reads; quality as flag, method and reason."""

    first: tuple[date, str, str]
    last: tuple[date, str, str]
    kwh: str
    direction: str = "E"


@dataclass
class Planted:
    """The meters so far.

    Attributes:
        expected: the rules that must name each NMI, and no others.
        names: what was planted.
    """

    expected: dict[str, set[str]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    tables: dict[str, list[dict[str, object]]] = field(default_factory=lambda: defaultdict(list))
    intervals: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)

    def plant(self, name: str, *rules: str, nmi: str | None = None) -> str:
        """A new NMI, or one given, under which the rules must find something."""
        nmi = nmi or f"4407{len(self.names) + 1:06d}"
        self.names[nmi], self.expected[nmi] = name, set(rules)
        return nmi

    def site(self, nmi: str, *, uses: Mapping[str, str] | None = None, end: date | None = None, **more: str) -> None:
        """The retailer's rows of a meter; ``more`` are columns of the service point, or of its registers."""
        uses = uses or {"E1": "GENERAL"}
        last = min(end or DAY, DAY)
        point = {
            "jurisdiction": "NSW",
            "meter_type": "COMMS4D",
            "delivery": "FILE",
            "is_vacant": "0",
            "is_life_support": "0",
        }
        register = {"multiplier": "1", "integer_places": "6"}
        point |= {name: value for name, value in more.items() if name not in register}
        register |= {name: value for name, value in more.items() if name in register}
        self.tables["service_points"].append({"nmi": nmi, **point})
        self.tables["contracts"].append(
            {"contract_id": f"C{nmi}", "nmi": nmi, "start_date": str(LONG_AGO), "end_date": str(end) if end else None}
        )
        self.device(nmi, f"D{nmi}", f"SN{nmi}", uses, **register)
        for suffix in uses:
            self.tables["meter_reading_orders"].append(
                {"billing_day": DAY, "meter_reading_order_id": f"O{nmi}{suffix}", "contract_id": f"C{nmi}",
                 "device_id": f"D{nmi}", "register_id": suffix, "scheduled_read_date": str(last),
                 "period_start_date": str(FIRST), "previous_reading": "0"}
            )  # fmt: skip

    def device(self, nmi: str, device: str, serial: str, uses: Mapping[str, str], **register: str) -> dict[str, object]:
        """A meter of an NMI with a register for each channel."""
        row: dict[str, object] = {
            "device_id": device,
            "nmi": nmi,
            "serial_number": serial,
            "installed_date": "2019-01-01",
        }
        self.tables["devices"].append(row)
        for suffix, use in uses.items():
            self.tables["registers"].append(
                {"device_id": device, "register_id": suffix, "nmi_suffix": suffix, "usage_type": use,
                 "time_band": "ALL", "multiplier": "1", "integer_places": "6", "decimal_places": "1", **register}
            )  # fmt: skip
        return row

    def deliver(
        self,
        nmi: str,
        days: Sequence[date],
        values: Sequence[str] = ("0.400",) * 48,
        *,
        suffix: str = "E1",
        configuration: str = "E1",
        serial: str | None = None,
        unit: str = "kWh",
        odd: Mapping[date, Day] | None = None,
    ) -> None:
        """Deliver days of a channel, all alike but the odd ones."""
        minutes = 1440 // len(values)
        serial = serial or f"SN{nmi[:10]}"
        self.intervals.append(f"200,{nmi},{configuration},1,{suffix},N1,{serial},{unit},{minutes},")
        for day in days:
            one = (odd or {}).get(day, Day())
            if one.is_dropped:
                continue
            text = ",".join(one.values or values)
            self.intervals.append(f"300,{day:%Y%m%d},{text},{one.quality},{one.reason},,{_stamp(day)},")
            self.intervals += [f"400,{first},{last},{quality},{why}," for first, last, quality, why in one.events]
            if one.index:
                self.intervals.append(f"500,N,,{day + timedelta(days=1):%Y%m%d}000001,{one.index}")

    def basic(self, nmi: str, reads: Sequence[Read], **more: str) -> None:
        """A basic meter and its records."""
        self.site(nmi, uses={"11": "GENERAL"}, **{"meter_type": "BASIC", "integer_places": "5", **more})
        for read in reads:
            ends = [
                f"{index},{day:%Y%m%d}000001,{quality[:3].strip()},{quality[3:].strip()},"
                for day, index, quality in (read.first, read.last)
            ]
            self.reads.append(
                f"250,{nmi},11,1,11,11,SN{nmi},{read.direction},{','.join(ends)},{read.kwh},KWH,,{_stamp(read.last[0])},"
            )

    def write(self, folder: Path) -> None:
        """Write the files of the billing day."""
        landed = folder / "nem12" / f"billing_day={DAY}"
        landed.mkdir(parents=True)
        for version, lines in (("NEM12", self.intervals), ("NEM13", self.reads)):
            body = [f"100,{version},202605210100,MDP1,RETAILER", *lines, "900", ""]
            (landed / f"{version}.csv").write_text("\n".join(body), encoding="ascii")


def _stamp(day: date) -> str:
    return f"{day + timedelta(days=1):%Y%m%d}020000"
