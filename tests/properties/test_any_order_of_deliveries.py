"""Any order and any repetition of the same deliveries ends in the same current reads and the same bills.

Every drawn order is a contract of its own, so that one warehouse tries all of them at once: a warehouse for each would
take hours. All contracts have the same plan, so that all bills must be one bill.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.integration.revised_bills import HALF_KWH, RevisedBills, flat_case
from tests.properties.pricing_warehouse import nmi_of

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
Schedule = list[tuple[int, int]]


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """Every delivery at least once, some again, each on some billing day, in some order."""
    once = draw(st.permutations(range(len(DELIVERIES))))
    again = draw(st.lists(st.integers(0, len(DELIVERIES) - 1), max_size=6))
    return [(number, draw(st.integers(0, len(DELIVERY_DAYS) - 1))) for number in [*once, *again]]


def work(folder: Path, drawn: list[Schedule]) -> dict[str, Any]:
    """Deliver by the schedules, run the billing days, and give what each contract ends with."""
    bills = RevisedBills(folder)
    keys = [f"{number + 1:010}" for number in range(len(drawn))]
    bills.built.load([flat_case(key, FIRST, LAST) for key in keys])
    bills.seed(LAST)
    for place, day in enumerate(DELIVERY_DAYS):
        for key, schedule in zip(keys, drawn, strict=True):
            for order, (number, delivery_day) in enumerate(schedule):
                if delivery_day == place:
                    market_day, count, value, stamp = DELIVERIES[number]
                    bills.deliver(day, key, market_day, [value] * count, stamp, name=f"{key}-{order}")
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
    plain = [(number, 0) for number in range(len(DELIVERIES))]
    found = work(tmp_path_factory.mktemp("orders"), [plain, *drawn])
    usage, bill = found["0000000001"]
    assert {key: one for key, one in found.items() if one != (usage, bill)} == {}
    # By hand: 3 days of 24 kWh, 43.2 (0.9 a half hour), 28.8 (0.6), 14.4 (0.05 each five minutes), none in conflict.
    assert bill["usage_kwh"] == 3 * 48 * HALF_KWH + Decimal("43.2") + Decimal("28.8") + Decimal("14.4")
    assert [day for day, facts in usage.items() if facts[1]] == [date(2026, 2, 5)]
