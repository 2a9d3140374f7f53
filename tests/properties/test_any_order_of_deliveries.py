"""Any order and any repetition of the same deliveries ends in the same current reads and the same bills.

Deliveries are interval data (NEM12), reads of basic registers (NEM13), and edits by people with their withdrawals.
Every drawn order is a contract of its own, so that one warehouse tries all of them at once: a warehouse for each would
take hours. All contracts have the same plan, so that all bills must be one bill.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.integration.revised_bills import RevisedBills, flat_case
from tests.properties.pricing_warehouse import Case, nmi_of

FIRST, LAST = date(2026, 2, 1), date(2026, 2, 7)
DELIVERY_DAYS = [LAST + timedelta(days=number) for number in range(3)]
CONTRACTS = 40
# Market day, interval count, kWh of each interval, version stamp. The 3rd comes three times with rising stamps, the 4th
# with one stamp and its number written two ways (no conflict), the 5th with one stamp and two contents (a conflict that
# no later stamp settles), the 6th with another interval length.
DELIVERIES = (
    (date(2026, 2, 3), 48, Decimal("0.7"), "20260208010000"),
    (date(2026, 2, 3), 48, Decimal("0.3"), "20260208020000"),
    (date(2026, 2, 3), 48, Decimal("0.9"), "20260208030000"),
    (date(2026, 2, 4), 48, Decimal("0.6"), "20260208010000"),
    (date(2026, 2, 4), 48, Decimal("0.600"), "20260208010000"),
    (date(2026, 2, 5), 48, Decimal("0.1"), "20260208010000"),
    (date(2026, 2, 5), 48, Decimal("0.2"), "20260208010000"),
    (date(2026, 2, 6), 288, Decimal("0.05"), "20260208010000"),
    (date(2026, 2, 6), 48, Decimal("0.4"), "20260202010000"),
)
# Register, read dates, kWh as written, version stamp. Register 11 is revised; register 12 comes with one stamp and its
# number written two ways; register 13 with one stamp and two contents; register 14 with a span of two weeks, and with
# two spans of it that are stamped later and take its place.
READS = (
    ("11", date(2026, 1, 31), date(2026, 2, 7), "70", "20260208010000"),
    ("11", date(2026, 1, 31), date(2026, 2, 7), "77", "20260208020000"),
    ("12", date(2026, 1, 31), date(2026, 2, 7), "14", "20260208010000"),
    ("12", date(2026, 1, 31), date(2026, 2, 7), "14.000", "20260208010000"),
    ("13", date(2026, 1, 31), date(2026, 2, 7), "21", "20260208010000"),
    ("13", date(2026, 1, 31), date(2026, 2, 7), "28", "20260208010000"),
    ("14", date(2026, 1, 24), date(2026, 2, 7), "140", "20260208010000"),
    ("14", date(2026, 1, 24), date(2026, 2, 3), "40", "20260208020000"),
    ("14", date(2026, 2, 3), date(2026, 2, 7), "36", "20260208020000"),
)
# Market day, kWh of each interval, stamp, and whether it is withdrawn some time: an edit that outranks what was
# delivered, one that a provider's later stamp outranks, and one that is taken back.
EDITS = (
    (date(2026, 2, 1), Decimal("0.8"), "20260208235959", False),
    (date(2026, 2, 3), Decimal("0.2"), "20260208015959", False),
    (date(2026, 2, 2), Decimal("0.1"), "20260208235959", True),
)
# What is delivered: intervals, reads, edits, and the withdrawals of edits.
KINDS = ("INTERVALS", "READ", "EDIT", "WITHDRAWAL")
EVENTS = (
    *((KINDS[0], number) for number in range(len(DELIVERIES))),
    *((KINDS[1], number) for number in range(len(READS))),
    *((KINDS[2], number) for number in range(len(EDITS))),
    *((KINDS[3], number) for number, edit in enumerate(EDITS) if edit[3]),
)
REPEATED = len(DELIVERIES) + len(READS)
Schedule = list[tuple[int, int]]


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """Every delivery at least once, some again, each on some billing day, in some order, all thrown from one number."""
    dice = random.Random(draw(st.integers(0, 2**32 - 1)))
    numbers = [*dice.sample(range(len(EVENTS)), len(EVENTS)), *dice.choices(range(REPEATED), k=dice.randint(0, 8))]
    return [(number, dice.randrange(len(DELIVERY_DAYS))) for number in numbers]


def case_of(key: str) -> Case:
    """A contract with an interval meter and four registers that are read."""
    case = flat_case(key, FIRST, LAST)
    registers = sorted({read[0] for read in READS})
    case.contract.uses = {"E1": "GENERAL", **dict.fromkeys(registers, "GENERAL")}
    case.contract.loads = {**case.contract.loads, **{register: {} for register in registers}}
    return case


def deliver(bills: RevisedBills, day: date, key: str, order: int, event: tuple[str, int]) -> None:
    """Let one thing arrive; an edit that was withdrawn before it came has nothing to say."""
    kind, number = event
    name = f"{key}-{order}"
    if kind == "INTERVALS":
        market_day, count, value, stamp = DELIVERIES[number]
        bills.deliver(day, key, market_day, [value] * count, stamp, name=name)
    elif kind == "READ":
        register, since, until, kwh, stamp = READS[number]
        bills.deliver_read(key, day, (since, until), kwh, register=register, stamp=stamp, name=name)
    else:
        market_day, value, stamp, _ = EDITS[number]
        name, hold = f"{key}-edit-{number}", "file_name = ? and source = 'MANUAL'"
        known = bills.execute("select file_hash from raw.meter_files where file_name = ?", [name])
        if not known:
            bills.deliver(day, key, market_day, [value] * 48, stamp, name=name, source="MANUAL", quality="F18")
        if kind == "WITHDRAWAL" or (known and known[0][0] == "withdrawn"):
            bills.execute(f"delete from raw.meter_interval_records where {hold}", [name])
            bills.execute(f"update raw.meter_files set file_hash = 'withdrawn' where {hold}", [name])


def work(folder: Path, drawn: list[Schedule]) -> dict[str, Any]:
    """Deliver by the schedules, run the billing days, and give what each contract ends with."""
    bills = RevisedBills(folder)
    keys = [f"{number + 1:010}" for number in range(len(drawn))]
    bills.built.load([case_of(key) for key in keys])
    bills.seed(LAST)
    for place, day in enumerate(DELIVERY_DAYS):
        with bills.open():
            for key, schedule in zip(keys, drawn, strict=True):
                for order, (number, delivery_day) in enumerate(schedule):
                    if delivery_day == place:
                        deliver(bills, day, key, order, EVENTS[number])
        bills.run(day)
    usage: dict[str, dict[date, tuple[object, ...]]] = {}
    for row in bills.fetch("select * from marts.fct_daily_usage"):
        # What a channel-day in conflict shows is the body delivered first; nothing of it is billed.
        energy = None if row["is_conflicting"] else row["usage_kwh"]
        facts = (energy, row["is_conflicting"], row["read_version_at"], row["interval_count"])
        usage.setdefault(row["nmi"], {})[row["market_date"]] = facts
    columns = "total_ex_gst_aud, gst_aud, total_inc_gst_aud, usage_kwh, has_estimates, has_substitutes, content_hash"
    totals = bills.fetch(f"select contract_id, {columns} from marts.fct_shadow_bills")
    return {
        key: (usage[nmi_of(key)], next({**row, "contract_id": ""} for row in totals if row["contract_id"] == key))
        for key in keys
    }


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning")
@settings(
    max_examples=1,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.large_base_example,
        HealthCheck.data_too_large,
    ],
)
@given(drawn=st.lists(schedules(), min_size=CONTRACTS, max_size=CONTRACTS))
def test_any_order_and_repetition_of_deliveries_ends_in_the_same_reads_and_bills(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[Schedule]
) -> None:
    plain = [(number, 0) for number in range(len(EVENTS))]
    found = work(tmp_path_factory.mktemp("orders"), [plain, *drawn])
    usage, bill = found["0000000001"]
    assert {key: one for key, one in found.items() if one != (usage, bill)} == {}
    # By hand, day by day: the edit, one that was taken back, the last stamp, a number written two ways, the conflict,
    # five minutes, and a day that nothing reached. Of the registers 77, 14, none in conflict, 3 days of 4 and 36.
    days = [Decimal(text) for text in ("38.4", "24", "43.2", "28.8", "0", "14.4", "24")]
    assert bill["usage_kwh"] == sum(days) + 77 + 14 + 12 + 36
    assert [day for day, facts in usage.items() if facts[1]] == [date(2026, 2, 5)]
