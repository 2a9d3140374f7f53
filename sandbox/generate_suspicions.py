"""Data that are well formed and odd all the same: what the validation rules on use, registers and sites must find.

Where the oddity is real (a site without use, a battery that exports at night) the truth is as odd as the delivery, so
that SAP's bill agrees with ours.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from sandbox.generate_edits import Edit, Resend
from sandbox.generate_nem12 import DayEnergies
from sandbox.generate_orders import reading_text
from sandbox.generate_planter import Planter
from sandbox.generate_population import ServicePoint

_DAYS_OF_52_WEEKS = 364


def _shifted(values: list[str], part: int, whole: int) -> list[str]:
    """The day's values, later by a part of the day; what leaves at the end comes in at the front."""
    places = len(values) * part // whole
    return [*values[-places:], *values[:-places]]


def _use(planter: Planter) -> None:
    zeros = Edit(change=lambda values: ["0.000"] * len(values), is_true=True)
    planter.edit("ZERO_USE", planter.due(), planter.days_ago(20, 8), zeros, note="eight days of nothing")
    vacant = planter.due()
    vacant.is_vacant, vacant.daily_wh["E1"] = True, 12_000
    days = planter.days_ago(vacant.closing.day_count - 1, vacant.closing.day_count) if vacant.closing else []
    planter.plant("VACANT_USE", vacant, days, suffix="E1", note="12 kWh a day")
    late = Edit(change=lambda values: _shifted(values, 2, 3), is_true=True)
    planter.edit(
        "LOAD_AT_WRONG_HOURS", planter.due_with("E2"), planter.days_ago(9, 2), late, suffix="E2", note="16 hours late"
    )
    night = Edit(change=lambda values: _shifted(values, 1, 2), is_true=True)
    planter.edit(
        "EXPORT_AT_NIGHT", planter.due_with("B1"), planter.days_ago(10), night, suffix="B1", note="at midnight"
    )


def _sites(planter: Planter) -> None:
    closed, day = planter.idle(), planter.days_ago(0)
    planter.plant("NMI_CLOSED", closed, day, suffix="E1", note="the contract ended three days before")
    planter.book.statements.append(
        (
            "update contracts set end_date = ? where contract_id = ?",
            (str(planter.spec.day - timedelta(days=3)), closed.contract_id),
        )
    )
    doubled = planter.due()
    removed = planter.spec.day - timedelta(days=20)
    period = [doubled.closing.period_start, removed] if doubled.closing else []
    planter.plant("METER_OVERLAP", doubled, period, suffix="E1", note="the old meter removed after the new one came")
    old = f"{90_000_000 + doubled.index:018d}"
    planter.book.statements += [
        (
            "insert into devices values (?, ?, ?, '2010-07-01', ?)",
            (old, f"LG{90_000_000 + doubled.index}", doubled.nmi, str(removed)),
        ),
        ("insert into registers values (?, '001', 'E1', 'GENERAL', 'ALL', 'KWH', '1', 6, 1)", (old,)),
    ]
    helped = planter.due()
    helped.is_life_support = True
    planter.edit("READ_PARTIAL_DAY", helped, planter.days_ago(3), Edit(change=lambda values: ["", *values[1:]]))
    period = [helped.closing.period_start, planter.spec.day] if helped.closing else []
    planter.plant("LIFE_SUPPORT_HELD", helped, period, note="held by the missing interval")


def _quality(planter: Planter) -> None:
    planter.edit("QUALITY_COMBINATION", planter.due(), planter.days_ago(8), Edit(quality="A14"), note="A has no method")
    unseen = planter.due()
    planter.edit("READ_ESTIMATED", unseen, planter.days_ago(32, 33), Edit(quality="E52"), note="since five weeks")
    planter.plant("ESTIMATES_IN_A_ROW", unseen, planter.days_ago(3, 4), suffix="E1", note="more than four weeks")


def _season(planter: Planter) -> None:
    """Deliver the same four weeks of a year before, six times as high."""
    saving = planter.due()
    saving.daily_wh["E1"] = 9_000
    saving.contract_start = planter.spec.day - timedelta(days=900)
    period = [saving.closing.period_start, planter.spec.day] if saving.closing else []
    planter.plant("SEASON_HIGH_LOW", saving, period, suffix="E1", note="a sixth of last year")
    for day in planter.days_ago(_DAYS_OF_52_WEEKS + 27, 28):
        stamp = f"{day + timedelta(days=1):%Y%m%d}021033"
        planter.book.resends.append(Resend(planter.spec.day, saving, "E1", day, stamp, 6000))


def _registers(planter: Planter) -> None:
    wrong, right = planter.due(), planter.due()
    for point, share in ((wrong, Decimal("0.5")), (right, Decimal(1))):
        _read_the_register(planter, point, share)
    period = [wrong.closing.period_start, planter.spec.day] if wrong.closing else []
    planter.plant("SUM_DIFFERS", wrong, period, suffix="E1", note="the register counted half of the intervals")

    back = planter.due_basic("READING")
    register = back.registers[0]
    planter.plant("REGISTER_BACKWARDS", back, planter.days_ago(0), suffix=register.suffix, note="seven ticks less")
    planter.plant("PLAN_NOT_PRICEABLE", back, planter.days_ago(0), note="no energy can be told from the two readings")
    planter.book.statements.append(
        (
            "update meter_readings set meter_reading = ? where meter_id = ? and reading_date = ?",
            (reading_text(register.previous - 7, register), back.device_id, str(planter.spec.day)),
        )
    )
    full = planter.due_basic("FILE")
    register = full.registers[0]
    register.previous = 10 ** (register.integer_places + register.decimal_places) - 9
    planter.plant(
        "REGISTER_ROLLED_OVER", full, planter.days_ago(0), suffix=register.suffix, note="nine ticks before zero"
    )
    misdated = planter.due_basic("FILE")
    planter.plant("READ_BEFORE_PREVIOUS", misdated, planter.days_ago(0), suffix=misdated.registers[0].suffix)
    planter.book.misdated.add(misdated.index)


def _read_the_register(planter: Planter, point: ServicePoint, share: Decimal) -> None:
    """Add an index read at the end of the period's first day and of its last one."""
    if point.closing is None:
        return
    register = point.registers[0]
    days = [point.closing.period_start + timedelta(days=n) for n in range(point.closing.day_count)]
    used = sum(
        int(DayEnergies(planter.spec.seed, [point], day).rows[point.index, "E1"].sum()) for day in days[1:]
    )  # fmt: skip
    first = Decimal(1000)
    last = first + Decimal(used) / 1000 / register.multiplier * share
    for day, index in ((days[0], first), (days[-1], last)):
        planter.book.edits[point.index, "E1", day] = Edit(index_read=f"{index:.1f}")


SUSPICIONS = (_use, _sites, _quality, _season, _registers)
