"""A warehouse in which bills close, are loaded and billed by SAP, and are then reached by what comes later.

Every contract takes 24 kWh a day (0.5 kWh each half hour) at 0.30 a kWh and 1.00 a day ex GST, so that amounts can be
worked out by hand: 28 days are 201.60 + 28.00 = 229.60 ex GST, 252.56 with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from loaders.sources.plan_flattening import flatten_plan
from loaders.warehouse.schema import RAW_TABLES
from tests.properties.plain_pricer import Contract
from tests.properties.pricing_warehouse import Case, PricingWarehouse, nmi_of

MODELS = [
    "+fct_bill_revisions",
    "+fct_estimated_reads",
    "int_bill_facts__worked",
    "int_meter_files__worked",
    "+fct_bill_read_versions",
]
HALF_KWH = Decimal("0.5")


def flat_plan(plan_id: str, price: str, supply: str, since: str = "2025-01-01") -> dict[str, Any]:
    """A plan of one price."""
    return {
        "planId": plan_id, "fuelType": "ELECTRICITY", "customerType": "RESIDENTIAL", "displayName": plan_id,
        "brand": "flat", "effectiveFrom": f"{since}T00:00:00Z", "lastUpdated": f"{since}T00:00:00Z",
        "electricityContract": {
            "pricingModel": "SINGLE_RATE", "isFixed": False, "paymentOption": ["DIRECT_DEBIT"], "timeZone": "AEST",
            "tariffPeriod": [{
                "type": "OTHER", "displayName": "all year", "startDate": "01-01", "endDate": "12-31",
                "dailySupplyCharge": supply, "dailySupplyChargeType": "SINGLE", "rateBlockUType": "singleRate",
                "singleRate": {"displayName": "All", "rates": [{"unitPrice": price}]},
            }],
        },
    }  # fmt: skip


def flat_case(contract_id: str, first: date, last: date, jurisdiction: str = "NSW", plan: str = "FLAT") -> Case:
    """A contract of 24 kWh a day."""
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    contract = Contract(
        jurisdiction=jurisdiction,
        first_day=first,
        last_day=last,
        plan_spells=[(plan, date(2025, 1, 1))],
        uses={"E1": "GENERAL"},
        loads={"E1": {day: [HALF_KWH] * 48 for day in days}},
    )
    return Case(contract_id, contract, {plan: [flat_plan(plan, "0.30", "1.00")]})


def basic_case(contract_id: str, first: date, last: date) -> Case:
    """The same contract, but its meter is read, not sent."""
    case = flat_case(contract_id, first, last)
    case.contract.uses = {"11": "GENERAL"}  # type: ignore[misc]
    case.contract.loads = {"11": {}}  # type: ignore[misc]
    return case


@dataclass
class RevisedBills:
    """Contracts, and what happens to them.

    Attributes:
        folder: where the warehouse lies.
        built: the warehouse.
        connection: what changes go through while the warehouse is held open.
    """

    folder: Path
    built: PricingWarehouse = field(init=False)
    connection: duckdb.DuckDBPyConnection | None = None

    def __post_init__(self) -> None:
        self.built = PricingWarehouse(self.folder)

    def seed(self, last: date) -> None:
        """Load the parameters of the rules."""
        self.built.run(last, last, ["revision_parameters"], "seed")

    def run(self, first: date, last: date | None = None, models: Sequence[str] = MODELS) -> None:
        """Run the models for billing days."""
        self.built.run(first, last or first, models)

    def fetch(self, sql: str) -> list[dict[str, Any]]:
        """Rows of a query."""
        return self.built.fetch(sql)

    def insert(self, table: str, **values: object) -> None:
        """Add a row to a raw table."""
        names = [name for name in RAW_TABLES[table].column_names if name in values]
        assert set(names) == set(values)
        marks = ", ".join("?" for _ in names)
        self.execute(f"insert into raw.{table} ({', '.join(names)}) values ({marks})", [values[name] for name in names])

    @contextmanager
    def open(self) -> Iterator[None]:
        """Hold the warehouse open for many changes; opening it takes longer than each of them."""
        with duckdb.connect(str(self.built.path)) as self.connection:
            self.connection.begin()
            yield
            self.connection.commit()
        self.connection = None

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Change the raw layer, or ask it."""
        if self.connection is not None:
            return self.connection.execute(sql, list(parameters)).fetchall()
        with self.open():
            return self.execute(sql, parameters)

    def deliver(
        self,
        billing_day: date,
        contract_id: str,
        day: date,
        values: Sequence[Decimal],
        stamp: str,
        *,
        name: str | None = None,
        source: str = "FILE",
        quality: str = "A",
    ) -> None:
        """Deliver a channel-day in a file of its own."""
        name, text = name or f"{contract_id}-{day}-{stamp}.csv", ",".join(str(value) for value in values)
        self.insert(
            "meter_files", billing_day=billing_day, source=source, file_name=name, file_hash=name, status="ACCEPTED"
        )
        self.insert(
            "meter_interval_records", billing_day=billing_day, source=source, file_name=name, line_number=3,
            nmi=nmi_of(contract_id), nmi_suffix="E1", unit="kWh", interval_length_minutes=1440 // len(values),
            interval_date=day.strftime("%Y%m%d"), values_text=text, value_count=len(values), content_hash=text,
            quality_method=quality, update_text=stamp,
        )  # fmt: skip

    def deliver_read(
        self,
        contract_id: str,
        billing_day: date,
        reads: tuple[date, date],
        kwh: int | str,
        *,
        register: str = "11",
        stamp: str | None = None,
        name: str | None = None,
    ) -> None:
        """Deliver the record of a basic register's two reads in a file of its own; a text is the energy as written."""
        since, until = reads
        name = name or f"{contract_id}-{until}.csv"
        self.insert(
            "meter_files", billing_day=billing_day, source="FILE", file_name=name, file_hash=name, status="ACCEPTED"
        )
        self.insert(
            "meter_accumulation_records", billing_day=billing_day, source="FILE", file_name=name, line_number=2,
            nmi=nmi_of(contract_id), nmi_suffix=register, direction_indicator="E", previous_register_read="1000",
            previous_read_text=f"{since:%Y%m%d}000001", previous_quality_method="A",
            current_register_read=str(1000 + Decimal(kwh)), current_read_text=f"{until:%Y%m%d}000001",
            current_quality_method="A", quantity=str(kwh), unit="kWh",
            update_text=stamp or f"{billing_day:%Y%m%d}010000", content_hash=f"{name} {kwh}",
        )  # fmt: skip

    def publish(self, plan: Mapping[str, Any], seen: date) -> None:
        """Let the plan register answer a new version."""
        flat = flatten_plan(json.dumps({"data": plan}).encode(), plan["planId"], seen)
        for table, rows in flat.rows.items():
            for row in rows:
                self.insert(table, **dict(zip(RAW_TABLES[table].column_names, row, strict=True)))

    def confirm(self, contract_ids: Iterable[str], last: date) -> None:
        """SAP has confirmed the readings of contracts."""
        for key in contract_ids:
            self.insert(
                "load_ledger", reading_key=key, meter_reading_order_id=f"{key}-001", contract_id=key,
                reading_date=last, state="CONFIRMED",
            )  # fmt: skip

    def bill_in_sap(self, contract_ids: Iterable[str], first: date, last: date) -> None:
        """SAP has billed the period of contracts."""
        for key in contract_ids:
            self.insert(
                "sap_billed_consumption", contract_id=key, start_date=first, end_date=last, billed_amount="252.56"
            )

    def work(self) -> dict[str, tuple[str, str | None]]:
        """What the last run worked, by contract."""
        rows = self.fetch("select contract_id, work_reason, revised_by from intermediate.int_bill_periods__due")
        return {row["contract_id"]: (row["work_reason"], row["revised_by"]) for row in rows}

    def revisions(self, day: date) -> dict[str, dict[str, Any]]:
        """What a day decided, by contract."""
        rows = self.fetch(f"select * from marts.fct_bill_revisions where revision_day = '{day}'")
        return {row["contract_id"]: row for row in rows}
