"""A warehouse file holding many contracts at once, priced by one dbt run.

Every case gets service point, contract, device, registers, orders and meter records of its own; the plans of all cases
lie in one catalogue.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from loaders.sources.market_calendar import extract_market_calendar
from loaders.sources.plan_flattening import flatten_plan
from loaders.warehouse import open_warehouse
from loaders.warehouse.parquet import arrow_schema
from loaders.warehouse.schema import RAW_TABLES
from tests.properties.plain_pricer import FIRST_DAY, LAST_DAY, Contract, Json

REPOSITORY = Path(__file__).resolve().parents[2]
DBT_PROJECT = REPOSITORY / "dbt_project"
BUILT = ("--resource-type", "seed", "--resource-type", "model")
REGISTER_USE = {"GENERAL": "GENERAL", "CONTROLLED_LOAD": "CONTROLLED_LOAD", "GENERATION": "GENERATION"}


@dataclass
class Case:
    """A contract to be priced, its plans, and how its meter data are written."""

    contract_id: str
    contract: Contract
    plans: Mapping[str, Sequence[Json]]
    interval_minutes: int = 30
    unit: str = "kWh"


@dataclass
class PricingWarehouse:
    """Builds the raw layer for some cases, runs dbt, reads the marts.

    Attributes:
        folder: where the warehouse and dbt's artefacts go.
    """

    folder: Path
    rows: dict[str, list[tuple[object, ...]]] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.folder / "warehouse.duckdb"

    def load(self, cases: Sequence[Case]) -> None:
        plans: dict[tuple[str, str], Json] = {}
        for case in cases:
            self._add_contract(case)
            self._add_reads(case)
            for plan_id, versions in case.plans.items():
                for version in versions:
                    plans[plan_id, version["lastUpdated"] + version["effectiveFrom"]] = version
        for (plan_id, _), version in plans.items():
            self._add_plan(plan_id, version)
        self._write()
        first = min(case.contract.first_day for case in cases)
        last = max(case.contract.last_day for case in cases)
        self._add_calendar(cases, first, last)

    def run(self, first_day: date, last_day: date, select: Sequence[str], verb: str = "build") -> None:
        """Run (or seed) the selected nodes for a window of billing days."""
        environment = {
            **os.environ,
            "BILLSYNC_DUCKDB_PATH": str(self.path),
            "BILLSYNC_WAREHOUSE": "duckdb",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }
        command = [
            sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--quiet", verb,
            *(BUILT if verb == "build" else ()),
            "--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT),
            "--target-path", str(self.folder / "target"), "--log-path", str(self.folder / "logs"),
            "--vars", json.dumps({"start_day": first_day.isoformat(), "end_day": last_day.isoformat()}),
            "--select", *select,
        ]  # fmt: skip
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]

    def fetch(self, sql: str) -> list[dict[str, Any]]:
        with duckdb.connect(str(self.path), read_only=True) as connection:
            relation = connection.execute(sql)
            names = [column[0] for column in relation.description or []]
            return [dict(zip(names, row, strict=True)) for row in relation.fetchall()]

    def _add(self, table: str, **values: object) -> None:
        columns = RAW_TABLES[table].column_names
        unknown = set(values) - set(columns)
        assert not unknown, unknown
        self.rows.setdefault(table, []).append(tuple(values.get(column) for column in columns))

    def _add_contract(self, case: Case) -> None:
        contract, key = case.contract, case.contract_id
        nmi, device = nmi_of(key), f"{key:0>18}"
        self._add("retailer_customers", customer_id=key, customer_type="RESIDENTIAL",
                  is_gst_registered="1" if contract.is_gst_registered else "0")  # fmt: skip
        self._add("retailer_contract_accounts", contract_account_id=key, customer_id=key)
        self._add("retailer_service_points", nmi=nmi, jurisdiction=contract.jurisdiction, delivery="FILE")
        start = (contract.first_day - timedelta(days=400)).isoformat()
        self._add("retailer_contracts", contract_id=key, contract_account_id=key, nmi=nmi, start_date=start)
        for plan_id, first_day in contract.plan_spells:
            self._add("retailer_contract_plans", contract_id=key, plan_id=plan_id, start_date=first_day.isoformat())
        for term in contract.terms:
            self._add("retailer_contract_terms", contract_id=key, term=term.name, value=term.value,
                      start_date=None if term.first_day == FIRST_DAY else term.first_day.isoformat(),
                      end_date=None if term.last_day == LAST_DAY else term.last_day.isoformat())  # fmt: skip
        self._add("retailer_devices", device_id=device, nmi=nmi, installed_date=start)
        for number, (suffix, use) in enumerate(contract.uses.items(), 1):
            register = f"{number:03}"
            self._add("retailer_registers", device_id=device, register_id=register, nmi_suffix=suffix,
                      usage_type=REGISTER_USE[use], time_band="ALL", unit="kWh", multiplier="1",
                      integer_places="6", decimal_places="3")  # fmt: skip
            self._add("retailer_meter_reading_orders", billing_day=contract.last_day,
                      meter_reading_order_id=f"{key}-{register}", contract_id=key, device_id=device,
                      register_id=register, meter_reading_reason="01",
                      scheduled_read_date=contract.last_day.isoformat(),
                      period_start_date=contract.first_day.isoformat(), previous_reading="0")  # fmt: skip

    def _add_reads(self, case: Case) -> None:
        factor = {"kWh": Decimal(1), "Wh": Decimal(1000), "MWh": Decimal("0.001")}[case.unit]
        parts = 30 // case.interval_minutes
        delivered = case.contract.last_day
        self._add("meter_files", billing_day=delivered, file_name=f"{case.contract_id}.csv", source="FILE",
                  file_hash=case.contract_id, status="ACCEPTED")  # fmt: skip
        line = 0
        for suffix, days in case.contract.loads.items():
            for day, half_hours in days.items():
                line += 1
                values = [value for energy in half_hours for value in _cut(energy * factor, parts)]
                text = ",".join(f"{value:f}" for value in values)
                self._add("meter_interval_records", billing_day=delivered, file_name=f"{case.contract_id}.csv",
                          line_number=line, source="FILE", nmi=nmi_of(case.contract_id), nmi_suffix=suffix,
                          unit=case.unit, interval_length_minutes=case.interval_minutes,
                          interval_date=day.strftime("%Y%m%d"), values_text=text, value_count=len(values),
                          content_hash=f"{case.contract_id}{suffix}{day}", quality_method="A",
                          update_text=day.strftime("%Y%m%d230000"))  # fmt: skip

    def _add_plan(self, plan_id: str, version: Json) -> None:
        body = json.dumps({"data": version}, default=str).encode()
        flat = flatten_plan(body, plan_id, date(2020, 1, 1))
        for table, rows in flat.rows.items():
            self.rows.setdefault(table, []).extend(rows)

    def _write(self) -> None:
        open_warehouse("duckdb", duckdb_path=self.path).ensure_raw_schema()
        with duckdb.connect(str(self.path)) as connection:
            for table, rows in self.rows.items():
                schema = arrow_schema(RAW_TABLES[table])
                columns = [
                    pa.array(values, type=f.type) for values, f in zip(zip(*rows, strict=True), schema, strict=True)
                ]
                connection.register("staged", pa.Table.from_arrays(columns, schema=schema))
                connection.execute(f"insert into raw.{table} by name select * from staged")
                connection.unregister("staged")

    def _add_calendar(self, cases: Iterable[Case], first: date, last: date) -> None:
        jurisdictions = sorted({case.contract.jurisdiction for case in cases})
        calendar = extract_market_calendar(
            first - timedelta(days=2), last + timedelta(days=2), self.folder / "calendar", jurisdictions
        )
        open_warehouse("duckdb", duckdb_path=self.path).replace(calendar.writes)


def _cut(energy: Decimal, parts: int) -> list[Decimal]:
    """Cut a half hour into intervals that add up to it exactly."""
    share = (energy / parts).quantize(Decimal("0.001"))
    return [share] * (parts - 1) + [energy - share * (parts - 1)]


def nmi_of(contract_id: str) -> str:
    """Return the ten characters of a case's service point."""
    return f"N{contract_id[-9:]}"
