"""A retailer that is not the sandbox: its own database, landing folder and plan register, written from the contracts.

Used by tests that point billsync at "other systems" through the environment alone. Nothing here imports the product.
"""

from __future__ import annotations

import csv
import gzip
import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

RETAILER_DDL = """
create table customers (customer_id text primary key, customer_name text, email text, customer_type text,
    is_gst_registered integer, updated_at text);
create table contract_accounts (contract_account_id text primary key, customer_id text);
create table service_points (nmi text primary key, jurisdiction text, distributor text, network_tariff_code text,
    meter_type text, delivery text, is_life_support integer, is_vacant integer, connection_capability_kw numeric,
    distribution_loss_factor numeric);
create table contracts (contract_id text primary key, contract_account_id text, nmi text, start_date text,
    end_date text);
create table contract_plans (contract_id text, plan_id text, start_date text, end_date text);
create table contract_terms (contract_id text, term text, value text, start_date text, end_date text);
create table devices (device_id text primary key, serial_number text, nmi text, installed_date text,
    removed_date text);
create table registers (device_id text, register_id text, nmi_suffix text, usage_type text, time_band text, unit text,
    multiplier numeric, integer_places integer, decimal_places integer, primary key (device_id, register_id));
create table meter_readings (customer_id text, meter_id text, register_id text, meter_reading numeric,
    reading_date text, reading_type text, read_at text);
create table meter_reading_orders (meter_reading_order_id text primary key, contract_id text, device_id text,
    register_id text, meter_reading_reason text, scheduled_read_date text, period_start_date text,
    previous_reading numeric);
"""


def nmi_checksum(nmi: str) -> int:
    """Return the check digit of a ten-character NMI (market contract, section A)."""
    total = 0
    for position, character in enumerate(reversed(nmi)):
        value = ord(character) * (2 if position % 2 == 0 else 1)
        total += sum(int(digit) for digit in str(value))
    return -total % 10


@dataclass(frozen=True)
class Home:
    """One customer with one interval meter, from a real load shape."""

    number: int
    plan_id: str
    jurisdiction: str
    days: Mapping[date, Sequence[Decimal]]
    suffix: str = "E1"

    @property
    def nmi(self) -> str:
        return f"4102{self.number:06d}"

    @property
    def contract_id(self) -> str:
        return f"{self.number:010d}"

    @property
    def device_id(self) -> str:
        return f"{self.number:018d}"

    def usage_kwh(self, first: date, last: date) -> Decimal:
        return sum((sum(values, Decimal(0)) for day, values in self.days.items() if first <= day <= last), Decimal(0))


def read_profiles(load_profiles: Path) -> dict[str, dict[date, list[Decimal]]]:
    """Return household -> market day -> 48 values for the complete days of the eleven homes of 2013."""
    homes: dict[str, dict[date, list[Decimal]]] = {}
    with gzip.open(load_profiles / "sgsc_11_homes_2013_halfhour_wide.csv.gz", "rt", newline="") as stream:
        for row in csv.DictReader(stream):
            day = date.fromisoformat(row.pop("Datetime")[:10])
            for home, value in row.items():
                if value:
                    homes.setdefault(home, {}).setdefault(day, []).append(Decimal(value))
    return {home: {day: v for day, v in days.items() if len(v) == 48} for home, days in homes.items()}


def write_retailer_database(path: Path, homes: Sequence[Home], period: tuple[date, date]) -> None:
    """Create the retailer's tables; every home's contract closes on the last day of the period."""
    first, last = period
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as database:
        database.executescript(RETAILER_DDL)
        for home in homes:
            n = home.number
            insert = lambda table, *values: database.execute(  # noqa: E731
                f"insert into {table} values ({','.join('?' * len(values))})", values
            )
            insert("customers", f"C{n}", f"Home {n}", f"home{n}@example.com", "RESIDENTIAL", 0, "2013-01-01T00:00:00Z")
            insert("contract_accounts", f"{n:012d}", f"C{n}")
            insert("service_points", home.nmi, home.jurisdiction, "Ausgrid", "EA025", "COMMS4D", "FILE", 0, 0, None, 1)
            insert("contracts", home.contract_id, f"{n:012d}", home.nmi, "2013-01-01", None)
            insert("contract_plans", home.contract_id, home.plan_id, "2013-01-01", None)
            insert("devices", home.device_id, f"SN{n}", home.nmi, "2013-01-01", None)
            insert("registers", home.device_id, "001", home.suffix, "GENERAL", "ALL", "KWH", 1, 6, 3)
            insert("meter_reading_orders", f"MRO{n}", home.contract_id, home.device_id, "001", "01",
                   last.isoformat(), first.isoformat(), "1000")  # fmt: skip


def write_nem12(path: Path, homes: Sequence[Home], period: tuple[date, date]) -> None:
    """Write one NEM12 file with every home's days of the period."""
    first, last = period
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"100,NEM12,{(last + timedelta(days=1)):%Y%m%d}0400,MDP1,RETAILER"]
    for home in homes:
        lines.append(f"200,{home.nmi},{home.suffix},1,{home.suffix},N1,SN{home.number},KWH,30,")
        lines += [
            f"300,{day:%Y%m%d},"
            + ",".join(str(v) for v in home.days[day])
            + f",A,,,{(day + timedelta(1)):%Y%m%d}010000,"
            for day in sorted(home.days)
            if first <= day <= last
        ]
    path.write_text("\r\n".join([*lines, "900", ""]))


@dataclass(frozen=True)
class RawAnswer:
    """What a register in trouble answers in place of a plan."""

    status: int
    body: bytes
    content_type: str = "application/json"


@contextmanager
def plan_register(plans: Mapping[str, object]) -> Iterator[str]:
    """Serve a CDR plan register on loopback; yield its base URL (ends in /cds-au/v1)."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path).removeprefix("/cds-au/v1/energy/plans")
            if path in ("", "/"):
                listing = [{"planId": plan_id, "lastUpdated": "2024-07-01T00:00:00Z"} for plan_id in plans]
                self._answer(200, {"data": {"plans": listing}, "links": {"self": ""}, "meta": {"totalPages": 1}}, "1")
            elif isinstance(answer := plans.get(path[1:]), RawAnswer):
                self._send(answer.status, answer.body, answer.content_type, "3")
            elif path[1:] in plans:
                self._answer(200, answer, "3")
            else:
                self._answer(404, {"errors": [{"code": "404", "title": "no such plan", "detail": ""}]}, "3")

        def _answer(self, status: int, body: object, version: str) -> None:
            self._send(status, json.dumps(body).encode(), "application/json", version)

        def _send(self, status: int, payload: bytes, content_type: str, version: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("x-v", version)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_: object) -> None:
            """Keep the test output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/cds-au/v1"
    finally:
        server.shutdown()
        thread.join()
