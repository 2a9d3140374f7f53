"""What is wrong on purpose in a seed with a usual history, so that every rule has something to find.

Each recipe takes service points nobody else has taken, edits their delivery or their rows in the retailer
database and records the rule code that must find it. Everything is planted where the demo day's run looks:
in a period that closes on that day, or in a file delivered on it. Clean points carry nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal

from sandbox.generate_edits import Edit, EditBook, Resend, SpecialFile
from sandbox.generate_nem12 import MDPS, update_stamp
from sandbox.generate_orders import Spec, ordinary
from sandbox.generate_plans import UNKNOWN_PLAN_ID
from sandbox.generate_planter import Planter
from sandbox.generate_population import ServicePoint
from sandbox.generate_suspicions import SUSPICIONS
from sandbox.nmi import with_wrong_check_digit

# Below these sizes a seed carries no defects: too few points would be left clean.
MINIMUM_POINTS, MINIMUM_CLOSINGS = 200, 80
_SUBSTITUTED, _FINAL, _ESTIMATED = "S14", "F16", "E52"


def plant_defects(points: Sequence[ServicePoint], ghosts: Sequence[ServicePoint], spec: Spec) -> EditBook:
    """Plant every kind of defect, duplicates and revisions; an empty book for a seed too small or too short.

    Args:
        points: the seed's service points, closings assigned.
        ghosts: points that exist in files only.
        spec: what is being generated.
    """
    if len(points) < MINIMUM_POINTS or spec.closing_count < MINIMUM_CLOSINGS or not spec.has_history:
        return EditBook()
    planter = Planter(points, spec)
    faults = (_gaps, _spikes, _quality, _conflicts, _broken_values, _headers, _files, _master_data, _revisions)
    for recipe in (*faults, *SUSPICIONS):
        recipe(planter)
    _unknown_nmis(planter, [ghost for ghost in ordinary(list(ghosts)) if ghost.suffixes == ("E1",)][:2])
    _name_not_priceable(planter, points)
    return planter.book


def _gaps(planter: Planter) -> None:
    dropped = Edit(is_dropped=True)
    nothing = planter.due()
    planter.edit("READ_MISSING_DAY", planter.due(), planter.days_ago(12), dropped)
    planter.edit("READ_MISSING_DAY", planter.due(), planter.days_ago(20, 3), dropped, note="a run of three days")
    planter.edit("READ_MISSING_DAY", planter.due_api(), planter.days_ago(9), dropped, note="from the metering API")
    period = [day for day in planter.days_ago(60, 61) if nothing.closing and day >= nothing.closing.period_start]
    planter.edit("ORDER_WITHOUT_DATA", nothing, period, dropped)


def _spikes(planter: Planter) -> None:
    def factor(times: int) -> Callable[[list[str]], list[str]]:
        return lambda values: [str(Decimal(value) * times) for value in values]

    rated, day, hour = planter.due_in_kwh(), planter.due(), planter.due_in_kwh()
    rated.connection_capability_kw, day.connection_capability_kw, hour.connection_capability_kw = "14.49", None, None
    # Enough for the grown day to be beyond every limit, and an ordinary house otherwise.
    day.daily_wh["E1"], rated.daily_wh["E1"], hour.daily_wh["E1"] = 18_000, 9_000, 9_000
    planter.edit("READ_SPIKE", day, planter.days_ago(4), Edit(change=factor(40)), note="40 times the usual")
    # In the small hours a house uses next to nothing besides.
    peak = Edit(change=lambda values: [values[0], "9.250", *values[2:]])
    planter.edit("READ_IMPOSSIBLE", rated, planter.days_ago(6), peak, note="18.5 kW on a connection of 14.49 kW")
    peak = Edit(change=lambda values: [values[0], "45.000", *values[2:]])
    planter.edit("READ_SPIKE", hour, planter.days_ago(6), peak, note="90 kW in one half hour")


def _quality(planter: Planter) -> None:
    substituted = Edit(quality=_SUBSTITUTED, reason="76")
    planter.edit("READ_SUBSTITUTED", planter.due(), planter.days_ago(15, 2), substituted)
    planter.edit("READ_SUBSTITUTED", planter.due_api(), planter.days_ago(11), Edit(quality="S"), note="from the API")
    half, gap = planter.due(), planter.due()
    half.interval_minutes = gap.interval_minutes = 30
    events = ((1, 20, _FINAL, "76"), (21, 30, "A", ""), (31, 48, "S17", "79"))
    planter.edit("READ_SUBSTITUTED", half, planter.days_ago(8), Edit(quality="V", events=events), note="by 400 records")
    planter.edit("READ_ESTIMATED", planter.due(), planter.days_ago(5), Edit(quality=_ESTIMATED))
    planter.edit(
        "READ_ESTIMATED", planter.due(), planter.days_ago(3, 4), Edit(quality="E57"), note="up to the last day"
    )
    uncovered = ((1, 20, "A", ""), (31, 48, "A", ""))
    planter.edit(
        "EVENTS_INCOMPLETE", gap, planter.days_ago(7), Edit(quality="V", events=uncovered), note="21 to 30 missing"
    )
    planter.edit("QUALITY_INVALID", planter.due(), planter.days_ago(10), Edit(quality="X"))


def _conflicts(planter: Planter) -> None:
    def other(values: list[str]) -> list[str]:
        return [str(Decimal(value) + 1) for value in values]

    same_file = Edit(conflicting_change=other)
    planter.edit("VERSION_CONFLICT", planter.due(), planter.days_ago(13), same_file, note="within one file")
    point, day = planter.due(), planter.days_ago(16)[0]
    plant = planter.plant("VERSION_CONFLICT", point, [day], suffix="E1", note="sent again with the same stamp")
    stamp = update_stamp(day, MDPS[point.mdp])
    planter.book.resends.append(Resend(planter.spec.day, point, "E1", day, stamp, 700, plant))


def _broken_values(planter: Planter) -> None:
    planter.edit(
        "READ_PARTIAL_DAY",
        planter.due(),
        planter.days_ago(2),
        Edit(change=lambda values: [*values[:10], "", "", "", *values[13:]]),
        note="three empty values",
    )
    planter.edit(
        "READ_PARTIAL_DAY",
        planter.due(),
        planter.days_ago(18),
        Edit(change=lambda values: [*values[: len(values) // 2], *("" for _ in values[len(values) // 2 :])]),
        note="afternoon empty",
    )
    planter.edit(
        "READ_NEGATIVE",
        planter.due(),
        planter.days_ago(14),
        Edit(change=lambda values: [values[0], "-0.350", *values[2:]]),
    )
    planter.edit(
        "RECORD_REJECTED",
        planter.idle(),
        planter.days_ago(0),
        Edit(change=lambda values: values[:-1]),
        note="one value too few",
    )


def _headers(planter: Planter) -> None:
    serial = Edit(serial_number="ZZ90000001")
    planter.edit("SERIAL_DIFFERS", planter.due(), planter.days_ago(0), serial)
    planter.edit("SUFFIX_NOT_CONFIGURED", planter.due(), planter.days_ago(0), Edit(extra_suffix="E3"))
    wrong = planter.idle()
    wrong.mdp = 0
    planter.edit("NMI_CHECKSUM", wrong, planter.days_ago(0), Edit(has_wrong_check_digit=True))
    planter.book.plants[-1].nmi = with_wrong_check_digit(wrong.nmi)


def _files(planter: Planter) -> None:
    """Files that are broken as files; the regular file of the day does not carry their points."""
    day = planter.days_ago(0)
    elsewhere = Edit(is_dropped=True)
    cut = tuple(planter.idle() for _ in range(3))
    last = planter.plant(
        "RECORD_REJECTED", cut[-1], day, suffix=cut[-1].suffixes[-1], note="the record where the file is cut off"
    )
    whole = planter.plant("FILE_CUT_OFF", None, note="no 900, ends within a record")
    bare = tuple(planter.idle() for _ in range(2))
    header = planter.plant("FILE_NO_HEADER", None, note="no 100, as a portal download")
    broken = tuple(planter.idle() for _ in range(2))
    unreadable = planter.plant("FILE_UNREADABLE", None, note="a zip without its end")
    planter.book.special_files += [
        SpecialFile("CUT_OFF", cut, (whole,), {cut[-1].index: last}),
        SpecialFile("NO_HEADER", bare, (header,)),
        SpecialFile("UNREADABLE", broken, (unreadable,)),
    ]
    for point in (*cut, *bare, *broken):
        planter.book.edits |= {(point.index, suffix, day[0]): elsewhere for suffix in point.suffixes}


def _unknown_nmis(planter: Planter, ghosts: Sequence[ServicePoint]) -> None:
    day = planter.days_ago(0)
    plants = {ghost.index: planter.plant("NMI_UNKNOWN", ghost, day, suffix="E1") for ghost in ghosts}
    planter.book.special_files.append(SpecialFile("UNKNOWN", tuple(ghosts), (), plants))


def _master_data(planter: Planter) -> None:
    """Rows of the retailer database that do not fit together."""
    book, day = planter.book, planter.spec.day
    lost = planter.due()
    planter.plant("PLAN_UNKNOWN", lost, note=UNKNOWN_PLAN_ID)
    book.statements.append(
        ("update contract_plans set plan_id = ? where contract_id = ?", (UNKNOWN_PLAN_ID, lost.contract_id))
    )
    twice = planter.due()
    planter.plant("CONTRACT_OVERLAP", twice, [day], note="contract 0049000001 holds the same NMI")
    book.statements.append(
        (
            "insert into contracts values (?, ?, ?, ?, null)",
            ("0049000001", twice.contract_account_id, twice.nmi, f"{day - timedelta(days=10)}"),
        )
    )
    insert = "insert into meter_reading_orders values (?, ?, ?, ?, '01', ?, ?, '100')"
    start = str(day - timedelta(days=28))
    stray = planter.idle()
    planter.plant(
        "ORDER_WITHOUT_CONTRACT", None, note="order 2603059999990001, contract 0049999999"
    ).contract_id = "0049999999"
    book.statements.append((insert, ("2603059999990001", "0049999999", stray.device_id, "001", str(day), start)))
    extra = planter.due()
    planter.plant("REGISTER_UNKNOWN", extra, note="order 2603059999990009, register 009")
    begins = str(extra.closing.period_start) if extra.closing else start
    book.statements.append((insert, ("2603059999990009", extra.contract_id, extra.device_id, "009", str(day), begins)))
    reader = planter.idle()
    planter.plant("READING_WITHOUT_REGISTER", reader, [day], note=f"meter {reader.device_id}, register 007")
    book.statements.append(
        (
            "insert into meter_readings values (?, ?, '007', '1234.5', ?, 'ACTUAL', ?)",
            (reader.customer_id, reader.device_id, str(day), f"{day}T09:30:00"),
        )
    )


def _revisions(planter: Planter) -> None:
    """Versions that are right as they are: the later stamp counts, whichever is delivered last."""
    day = planter.spec.day
    revised, market_day = planter.due(), planter.days_ago(6)[0]
    wrong = Edit(change=lambda values: [str(Decimal(value) * 2) for value in values])
    planter.book.edits[revised.index, "E1", market_day] = wrong
    planter.book.resends.append(Resend(day, revised, "E1", market_day, f"{day:%Y%m%d}231500"))
    settled, market_day = planter.due(), planter.days_ago(17)[0]
    planter.book.edits[settled.index, "E1", market_day] = Edit(
        quality=_ESTIMATED, change=lambda values: [str(Decimal(value) + Decimal("0.1")) for value in values]
    )
    planter.book.resends.append(
        Resend(day - timedelta(days=2), settled, "E1", market_day, f"{day - timedelta(days=1):%Y%m%d}000500")
    )
    stale, market_day = planter.due(), planter.days_ago(19)[0]
    planter.book.resends.append(Resend(day, stale, "E1", market_day, f"{market_day:%Y%m%d}230000", 500))


def _name_not_priceable(planter: Planter, points: Sequence[ServicePoint]) -> None:
    for point in points:
        if point.plan_kind == "SPECIAL" and point.closing:
            days = [point.closing.period_start, point.closing.day]
            planter.plant("PLAN_NOT_PRICEABLE", point, days, note=f"{point.plan_id}: demand charge in words only")
            planter.book.victims.add(point.index)
            point.is_life_support = False
