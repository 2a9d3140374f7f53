"""A tiny retailer database and a served gateway for the tests of the pretend SAP."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import requests

SERVICE = "/sap/opu/odata/sap/ERP_UTILITIES_UMC/"
USER, PASSWORD = "BILLSYNC", "not-a-secret"
DAY = "2026-03-05"
START = "2026-02-06"

TABLES = """
create table customers (customer_id text, customer_name text, email text, customer_type text,
    is_gst_registered integer, updated_at text);
create table contract_accounts (contract_account_id text, customer_id text);
create table service_points (nmi text, jurisdiction text, distributor text, network_tariff_code text, meter_type text,
    delivery text, is_life_support integer, is_vacant integer, connection_capability_kw text,
    distribution_loss_factor text);
create table contracts (contract_id text, contract_account_id text, nmi text, start_date text, end_date text);
create table contract_plans (contract_id text, plan_id text, start_date text, end_date text);
create table contract_terms (contract_id text, term text, value text, start_date text, end_date text);
create table devices (device_id text, serial_number text, nmi text, installed_date text, removed_date text);
create table registers (device_id text, register_id text, nmi_suffix text, usage_type text, time_band text, unit text,
    multiplier text, integer_places integer, decimal_places integer);
create table meter_readings (customer_id text, meter_id text, register_id text, meter_reading text, reading_date text,
    reading_type text, read_at text);
create table meter_reading_orders (meter_reading_order_id text, contract_id text, device_id text, register_id text,
    meter_reading_reason text, scheduled_read_date text, period_start_date text, previous_reading text);
"""


def device(number: int) -> str:
    return f"{number:018d}"


def contract(number: int) -> str:
    return f"{number:010d}"


def write_retailer(path: Path, contracts: int = 3) -> None:
    """Contracts 1..n, each with one device and registers 001 (E1), 002 (B1), 28 days, closing on DAY."""
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(TABLES)
        for n in range(1, contracts + 1):
            db.execute("insert into customers values (?,?,?,?,?,?)", (f"C{n}", f"Name {n}", "", "RESIDENTIAL", 0, ""))
            db.execute("insert into contract_accounts values (?,?)", (f"{n:012d}", f"C{n}"))
            db.execute(
                "insert into service_points values (?,?,?,?,?,?,?,?,?,?)",
                (f"4103{n:06d}", "NSW", "Ausgrid", "EA010", "COMMS4D", "FILE", 0, 0, "10", "1.0"),
            )
            db.execute(
                "insert into contracts values (?,?,?,?,?)",
                (contract(n), f"{n:012d}", f"4103{n:06d}", "2025-01-01", None),
            )
            db.execute("insert into contract_plans values (?,?,?,?)", (contract(n), "PLAN1", "2025-01-01", None))
            db.execute(
                "insert into devices values (?,?,?,?,?)", (device(n), f"SN{n}", f"4103{n:06d}", "2025-01-01", None)
            )
            for register, suffix, usage in (("001", "E1", "GENERAL"), ("002", "B1", "GENERATION")):
                db.execute(
                    "insert into registers values (?,?,?,?,?,?,?,?,?)",
                    (device(n), register, suffix, usage, "ALL", "KWH", "1", 6, 1),
                )
                db.execute(
                    "insert into meter_reading_orders values (?,?,?,?,?,?,?,?)",
                    (f"O{n}{register}", contract(n), device(n), register, "01", DAY, START, "1000"),
                )


def reading(number: int, register: str = "001", value: str = "1100.0", **more: Any) -> dict[str, Any]:
    return {
        "DeviceID": device(number),
        "RegisterID": register,
        "ReadingResult": value,
        "ReadingDateTime": f"{DAY}T00:00:00",
        "MeterReadingReasonID": "01",
        "MeterReadingCategoryID": "01",
        **more,
    }


class Client:
    """A small, plain HTTP client of the gateway, written for the tests alone."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.root = url + SERVICE
        self.session = requests.Session()
        self.session.auth = (USER, PASSWORD)
        self.session.headers["Accept"] = "application/json"
        self.token = ""

    def logon(self) -> Client:
        answer = self.session.head(self.root, headers={"x-csrf-token": "Fetch"}, timeout=5)
        self.token = answer.headers["x-csrf-token"]
        return self

    def get(self, path: str, **params: str) -> requests.Response:
        return self.session.get(self.root + path, params=params, timeout=5)

    def results(self, path: str, **params: str) -> list[dict[str, Any]]:
        return list(self.get(path, **params).json()["d"]["results"])

    def post(self, payload: dict[str, Any], **headers: str) -> requests.Response:
        return self.session.post(
            self.root + "MeterReadingResults",
            json=payload,
            headers={"x-csrf-token": self.token, **headers},
            timeout=5,
        )

    def batch(self, body: bytes, boundary: str = "b1", **headers: str) -> requests.Response:
        return self.session.post(
            self.root + "$batch",
            data=body,
            headers={
                "x-csrf-token": self.token,
                "Content-Type": f"multipart/mixed; boundary={boundary}",
                **headers,
            },
            timeout=10,
        )

    def control(self, path: str, payload: dict[str, Any] | None = None) -> requests.Response:
        return requests.post(f"{self.url}/control/{path}", json=payload or {}, timeout=30)


def code_of(response: requests.Response) -> str:
    """SAP's code in an error answered as JSON."""
    return str(response.json()["error"]["code"])
