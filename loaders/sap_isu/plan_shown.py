"""The plan as people see it before the act: what would be sent, by register, and the money that hangs on it.

What belongs here: summing up a plan of the ledger, its hash, keeping what was shown and finding it again.
What stays out: planning (``ledger``), releasing (``gate``).

The hash stands for every reading of the plan that is not held, with the value that SAP is to have, and for the money;
not for what SAP has of it already. So the rest of a load that broke off is still the plan that was released, and
any other value, reading, hold or amount makes another plan.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from loaders.operational_db import load_plans, load_readings, reading, utc_now
from loaders.sap_isu.ledger import Ledger
from loaders.sap_isu.ledger_rows import Row, is_correctable, shown_state
from loaders.sap_isu.readings import plain_text
from loaders.sap_isu.states import IN_DOUBT, State

_TABLE = load_readings.c
_PAGE = 2000

BillAmounts = Mapping[tuple[str, date], Decimal]
"""Total of a bill including GST, in AUD, by contract and last day of its period."""


@dataclass(frozen=True)
class RegisterTotal:
    """What would be sent of one kind of register: how many readings and the energy behind them."""

    register_id: str
    meter_reading_reason: str
    unit: str
    readings: int
    usage: str


@dataclass(frozen=True)
class ShownPlan:
    """A plan in numbers.

    Attributes:
        plan_hash: changes when, and only when, the plan does.
        to_send: readings that wait to be sent.
        corrections: readings of which SAP has another value that it has not billed; sent where the transport can.
        open: readings sent earlier whose outcome is open; sent again only if SAP is seen not to have them.
        held: readings left out because an exception holds their bill.
        bills: bills behind ``to_send``.
        amount_inc_gst_aud: money at stake, the total of these bills including GST.
        states: every reading of the plan by state.
        registers: ``to_send`` by register, reason and unit.
    """

    plan_hash: str
    first_day: str
    last_day: str
    to_send: int
    corrections: int
    open: int
    held: int
    bills: int
    amount_inc_gst_aud: str
    states: Mapping[str, int]
    registers: tuple[RegisterTotal, ...] = ()
    planned_at: str = ""
    plan_id: str = field(default="", repr=False)

    @property
    def waits(self) -> int:
        """Readings that this plan may send."""
        return self.to_send + self.corrections + self.open

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass
class _Sum:
    """What is summed up while the plan's rows pass by."""

    amounts: BillAmounts
    digest: Any = field(default_factory=hashlib.sha256)
    states: Counter[str] = field(default_factory=Counter)
    registers: dict[tuple[str, str, str], tuple[int, Decimal]] = field(default_factory=dict)
    corrections: int = 0
    bills: set[tuple[str, date]] = field(default_factory=set)
    all_bills: set[tuple[str, date]] = field(default_factory=set)

    def take(self, row: Mapping[str, Any]) -> None:
        state = shown_state(row["state"], row["is_held"])
        self.states[state] += 1
        if state == "HELD":
            return
        bill = (str(row["contract_id"] or ""), row["reading_date"])
        self.all_bills.add(bill)
        value = row["wanted_reading_result"] or row["reading_result"]
        line = f"{row['reading_key']}|{value}|{row['meter_reading_category']}|{row['is_held']}\n"
        self.digest.update(line.encode())
        is_correction = is_correctable(dict(row))
        self.corrections += is_correction
        if state == State.PLANNED or is_correction:
            self.bills.add(bill)
        if state == State.PLANNED:
            key = (row["register_id"], row["meter_reading_reason"], row["unit"] or "")
            number, usage = self.registers.get(key, (0, Decimal(0)))
            self.registers[key] = (number + 1, usage + Decimal(row["usage_kwh"] or 0))

    def money(self, bills: Iterable[tuple[str, date]]) -> str:
        return plain_text(sum((self.amounts.get(bill, Decimal(0)) for bill in bills), Decimal(0)))


def show_plan(ledger: Ledger, plan_id: str, first: date, last: date, amounts: BillAmounts) -> ShownPlan:
    """Sum up a plan that stands in the ledger.

    Args:
        ledger: the ledger.
        plan_id: from planning.
        first: first billing day of the run.
        last: last billing day of the run.
        amounts: totals of the bills.
    """
    summed = _Sum(amounts)
    for row in _rows(ledger, plan_id):
        summed.take(row)
    summed.digest.update(summed.money(summed.all_bills).encode())
    states = summed.states
    return ShownPlan(
        plan_hash=summed.digest.hexdigest(),
        first_day=first.isoformat(),
        last_day=last.isoformat(),
        to_send=states[State.PLANNED],
        corrections=summed.corrections,
        open=sum(states[state] for state in IN_DOUBT),
        held=states["HELD"],
        bills=len(summed.bills),
        amount_inc_gst_aud=summed.money(summed.bills),
        states=dict(sorted(states.items())),
        registers=tuple(
            RegisterTotal(*key, number, plain_text(usage)) for key, (number, usage) in sorted(summed.registers.items())
        ),
        plan_id=plan_id,
    )


def keep_shown(ledger: Ledger, plan: ShownPlan) -> None:
    """Remember what was shown, so that a person can release just this."""
    with ledger.engine.begin() as connection:
        connection.execute(
            sa.insert(load_plans).values(
                plan_id=plan.plan_id,
                plan_hash=plan.plan_hash,
                first_day=date.fromisoformat(plan.first_day),
                last_day=date.fromisoformat(plan.last_day),
                planned_at=utc_now(connection),
                actor=ledger.actor,
                shown=json.dumps(plan.as_json()),
            )
        )


def last_shown(ledger: Ledger, day: date) -> ShownPlan | None:
    """The newest plan whose window holds this billing day."""
    with reading(ledger.engine) as connection:
        row = connection.execute(
            sa.select(load_plans)
            .where(load_plans.c.first_day <= day, load_plans.c.last_day >= day)
            .order_by(load_plans.c.number.desc())
            .limit(1)
        ).one_or_none()
    if row is None:
        return None
    shown = json.loads(row.shown)
    registers = tuple(RegisterTotal(**one) for one in shown.pop("registers"))
    return ShownPlan(**{**shown, "registers": registers, "planned_at": row.planned_at.isoformat(timespec="seconds")})


def _rows(ledger: Ledger, plan_id: str) -> Iterable[Row]:
    query = (
        sa.select(
            _TABLE.reading_key, _TABLE.state, _TABLE.is_held, _TABLE.contract_id, _TABLE.reading_date,
            _TABLE.wanted_reading_result, _TABLE.reading_result, _TABLE.meter_reading_category,
            _TABLE.register_id, _TABLE.meter_reading_reason, _TABLE.unit, _TABLE.usage_kwh, _TABLE.is_billed,
        )
        .where(_TABLE.plan_run_id == plan_id)
        .order_by(_TABLE.reading_key)
    )  # fmt: skip
    with reading(ledger.engine) as connection:
        for row in connection.execution_options(yield_per=_PAGE).execute(query).mappings():
            yield dict(row)
