"""The pretend SAP's billing run: contracts whose readings are complete are priced, published and marked as billed.

Published are the billed quantity (from the register readings, as IS-U counts it) and the amount (from the intervals
that really flowed, by SAP's own pricer). Contracts that cannot be priced stay unbilled, with the reason kept.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.dataset as ds

from sandbox.sap.edm import plain_decimal
from sandbox.sap.plan import CannotPrice, PlanVersions
from sandbox.sap.pricer import BillData, ChannelDay, price_bill
from sandbox.sap.store import SapStore

_CHUNK = 500
_DAYS_TO_PAY = 21
_BILLED = "7"
_ESTIMATES = frozenset({"03", "04"})
_IN_KWH = {"WH": Decimal("0.001"), "KWH": Decimal(1), "MWH": Decimal(1000)}
_CONSUMPTION = frozenset({"GENERAL", "CONTROLLED_LOAD"})

# Complete: every order of the period is answered by a billable reading for a reason that bills.
_COMPLETE = """
select o.contract_id, o.period_start_date, o.scheduled_read_date
from orders o
left join results r on r.order_id = o.meter_reading_order_id
    and r.status in ('1', '4', '5') and r.reason in ('01', '03')
where (:day is null or o.scheduled_read_date = :day)
group by o.contract_id, o.period_start_date, o.scheduled_read_date
having count(*) = count(r.seq)
order by o.scheduled_read_date, o.contract_id
"""


@dataclass(frozen=True)
class BillingRun:
    """What a run did: contracts billed, and contracts with complete readings that it could not bill."""

    billed: int
    not_billed: int


@dataclass(frozen=True)
class _Due:
    contract_id: str
    start: date
    end: date


class Biller:
    """Bills the contracts of one store; one run at a time.

    Args:
        store: what SAP keeps.
        home: the sandbox folder with ``plans`` and ``truth``.
    """

    def __init__(self, store: SapStore, home: Path) -> None:
        self._store = store
        self._home = home
        self._lock = threading.Lock()

    def bill(self, day: str | None = None) -> BillingRun:
        """Bill every complete contract, of one scheduled read date or of all."""
        with self._lock:
            due = [
                _Due(row[0], date.fromisoformat(row[1]), date.fromisoformat(row[2]))
                for row in self._rows_named(_COMPLETE, {"day": day})
            ]
            if not due:
                return BillingRun(0, 0)
            plans = read_catalogue(self._home / "plans")
            differing = read_differing(self._home / "truth" / "differing_bills.json")
            billed = sum(
                self._bill_chunk(due[first : first + _CHUNK], plans, differing) for first in range(0, len(due), _CHUNK)
            )
            return BillingRun(billed, len(due) - billed)

    def _rows_named(self, sql: str, params: Mapping[str, object]) -> list[sqlite3.Row]:
        with self._store.reading() as connection:
            return connection.execute(sql, params).fetchall()

    def _bill_chunk(
        self,
        chunk: Sequence[_Due],
        plans: Mapping[str, PlanVersions],
        differing: Mapping[tuple[str, str], Mapping[str, Decimal]],
    ) -> int:
        with self._store.reading() as connection:
            nmis = {due.contract_id: _nmi(connection, due) for due in chunk}
            wanted = {nmi for nmi in nmis.values() if nmi}
            truth = read_truth(
                self._home / "truth" / "intervals.parquet",
                wanted,
                min(due.start for due in chunk),
                max(due.end for due in chunk),
            )
            outcomes: list[tuple[_Due, Decimal | str]] = []
            for due in chunk:
                try:
                    data = _bill_data(connection, due, truth.get(nmis[due.contract_id], {}), plans)
                    outcomes.append((due, price_bill(data).total_inc_gst))
                except CannotPrice as reason:
                    outcomes.append((due, str(reason)))
        billed = 0
        with self._store.writing() as writer:
            for due, outcome in outcomes:
                if isinstance(outcome, Decimal):
                    _publish(writer, due, outcome, differing.get((due.contract_id, due.end.isoformat()), {}))
                    billed += 1
                else:
                    writer.execute(
                        "insert or replace into not_billed (contract_id, period_end_date, reason) values (?, ?, ?)",
                        (due.contract_id, due.end.isoformat(), outcome),
                    )
        return billed


def read_catalogue(folder: Path) -> dict[str, PlanVersions]:
    """Read every plan answer of the catalogue; several files of one plan are its versions."""
    answers: dict[str, list[Mapping[str, object]]] = {}
    for path in sorted(folder.glob("*.json")):
        answer = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        answer = answer.get("data", answer)
        answers.setdefault(str(answer["planId"]), []).append(answer)
    return {plan_id: PlanVersions(versions) for plan_id, versions in answers.items()}


def read_differing(path: Path) -> dict[tuple[str, str], dict[str, Decimal]]:
    """Read which bills SAP gets wrong on purpose: (contract, period end) -> change by measure (amount, kwh)."""
    if not path.exists():
        return {}
    entries = json.loads(path.read_text(encoding="utf-8"))
    return {(e["contract_id"], e["period_end_date"]): {e["measure"]: Decimal(e["change"])} for e in entries}


def read_truth(path: Path, nmis: set[str], first: date, last: date) -> dict[str, dict[str, list[ChannelDay]]]:
    """Read channel-days of some NMIs: by NMI and suffix."""
    table = ds.dataset(path).to_table(
        filter=pc.field("nmi").isin(sorted(nmis))
        & (pc.field("market_date") >= first)
        & (pc.field("market_date") <= last)
    )
    found: dict[str, dict[str, list[ChannelDay]]] = {}
    for batch in table.to_batches(max_chunksize=10_000):
        for row in batch.to_pylist():
            values = [Decimal(text) for text in row["values"].split(",")]
            channel_day = ChannelDay(row["market_date"], row["interval_length_minutes"], values)
            found.setdefault(row["nmi"], {}).setdefault(row["nmi_suffix"], []).append(channel_day)
    return found


def _nmi(connection: sqlite3.Connection, due: _Due) -> str:
    row = connection.execute("select nmi from contracts where contract_id = ?", (due.contract_id,)).fetchone()
    return str(row["nmi"]) if row else ""


def _bill_data(
    connection: sqlite3.Connection,
    due: _Due,
    energy: Mapping[str, Sequence[ChannelDay]],
    plans: Mapping[str, PlanVersions],
) -> BillData:
    customer = connection.execute(
        "select p.jurisdiction, c.nmi, u.is_gst_registered from contracts c "
        "join service_points p on p.nmi = c.nmi join contract_accounts a using (contract_account_id) "
        "join customers u using (customer_id) where c.contract_id = ?",
        (due.contract_id,),
    ).fetchone()
    if customer is None:
        raise CannotPrice("contract, service point or customer is missing")
    registers = connection.execute(
        "select distinct r.nmi_suffix, r.usage_type from devices d join registers r using (device_id) "
        "where d.nmi = ? and r.usage_type <> 'DEMAND' and coalesce(d.installed_date, '') <= ? "
        "and coalesce(d.removed_date, '9999-12-31') >= ?",
        (customer["nmi"], due.end.isoformat(), due.start.isoformat()),
    ).fetchall()
    terms = connection.execute(
        "select term, value from contract_terms where contract_id = ? and start_date <= ? "
        "and coalesce(end_date, '9999-12-31') >= ?",
        (due.contract_id, due.end.isoformat(), due.start.isoformat()),
    ).fetchall()
    held = connection.execute(
        "select plan_id, start_date, coalesce(end_date, '9999-12-31') as end_date from contract_plans "
        "where contract_id = ? order by start_date",
        (due.contract_id,),
    ).fetchall()
    return BillData(
        jurisdiction=customer["jurisdiction"],
        start=due.start,
        end=due.end,
        is_gst_registered=bool(customer["is_gst_registered"]),
        usage_types={row["nmi_suffix"]: row["usage_type"] for row in registers},
        energy=energy,
        plan_on=lambda day: _plan_on(day.isoformat(), held, plans),
        terms={row["term"]: row["value"] for row in terms},
    )


def _plan_on(iso: str, held: Sequence[sqlite3.Row], plans: Mapping[str, PlanVersions]) -> PlanVersions:
    for row in reversed(held):
        if row["start_date"] <= iso <= row["end_date"]:
            if row["plan_id"] not in plans:
                raise CannotPrice(f"plan {row['plan_id']} is not in the catalogue")
            return plans[row["plan_id"]]
    raise CannotPrice(f"no plan on {iso}")


def _publish(writer: sqlite3.Connection, due: _Due, amount: Decimal, change: Mapping[str, Decimal]) -> None:
    """Publish quantity and amount and mark the readings as billed, all in the caller's transaction."""
    key = (due.contract_id, due.start.isoformat(), due.end.isoformat())
    readings = writer.execute(
        "select r.seq, r.consumption, r.category, r.unit, g.usage_type from orders o "
        "join results r on r.order_id = o.meter_reading_order_id "
        "join registers g on g.device_id = r.device_id and g.register_id = r.register_id "
        "where o.contract_id = ? and o.period_start_date = ? and o.scheduled_read_date = ?",
        key,
    ).fetchall()
    quantity = sum((_kwh(row) for row in readings), Decimal(0)) + change.get("kwh", Decimal(0))
    amount += change.get("amount", Decimal(0))
    category = "03" if any(row["category"] in _ESTIMATES for row in readings) else "01"
    writer.execute(
        "insert into consumption_values (contract_id, start_date, end_date, billed_amount, value, category, "
        "billing_day) values (?, ?, ?, ?, ?, ?, ?)",
        (*key, plain_decimal(amount), plain_decimal(quantity), category, due.end.isoformat()),
    )
    issued = due.end + timedelta(days=1)
    writer.execute(
        "insert into invoices (contract_id, contract_account_id, customer_id, amount, invoice_date, due_date, "
        "description) select c.contract_id, c.contract_account_id, a.customer_id, ?, ?, ?, ? from contracts c "
        "left join contract_accounts a using (contract_account_id) where c.contract_id = ?",
        (
            plain_decimal(amount),
            issued.isoformat(),
            (issued + timedelta(days=_DAYS_TO_PAY)).isoformat(),
            f"Contract {key[0]}, {key[1]} to {key[2]}",
            due.contract_id,
        ),
    )
    writer.executemany("update results set status = ? where seq = ?", [(_BILLED, row["seq"]) for row in readings])
    writer.execute("delete from not_billed where contract_id = ? and period_end_date = ?", (key[0], key[2]))


def _kwh(row: sqlite3.Row) -> Decimal:
    """Count what a register adds to the billed quantity: consumption only, in kWh."""
    if row["usage_type"] not in _CONSUMPTION:
        return Decimal(0)
    return Decimal(row["consumption"]) * _IN_KWH.get(str(row["unit"]).upper(), Decimal(1))
