"""The retailer's database, with the tables of the source contract and nothing else.

Decimals are kept as text: SQLite would turn a numeric column into binary floating point.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

from sandbox.generate_edits import EditBook
from sandbox.generate_nem13 import accumulate
from sandbox.generate_orders import PERIODIC, Spec, orders_of, reading_text
from sandbox.generate_population import ServicePoint

_SCHEMA = """
create table customers (customer_id text primary key, customer_name text, email text, customer_type text,
    is_gst_registered integer, updated_at text);
create table contract_accounts (contract_account_id text primary key, customer_id text);
create table service_points (nmi text primary key, jurisdiction text, distributor text, network_tariff_code text,
    meter_type text, delivery text, is_life_support integer, is_vacant integer, connection_capability_kw text,
    distribution_loss_factor text);
create table contracts (contract_id text primary key, contract_account_id text, nmi text, start_date text,
    end_date text);
create table contract_plans (contract_id text, plan_id text, start_date text, end_date text);
create table contract_terms (contract_id text, term text, value text, start_date text, end_date text);
create table devices (device_id text primary key, serial_number text, nmi text, installed_date text,
    removed_date text);
create table registers (device_id text, register_id text, nmi_suffix text, usage_type text, time_band text, unit text,
    multiplier text, integer_places integer, decimal_places integer, primary key (device_id, register_id));
create table meter_readings (customer_id text, meter_id text, register_id text, meter_reading text, reading_date text,
    reading_type text, read_at text);
create table meter_reading_orders (meter_reading_order_id text primary key, contract_id text, device_id text,
    register_id text, meter_reading_reason text, scheduled_read_date text, period_start_date text,
    previous_reading text);
"""
_INDEXES = """
create index contracts_by_nmi on contracts (nmi);
create index contract_plans_by_contract on contract_plans (contract_id);
create index orders_by_day on meter_reading_orders (scheduled_read_date);
create index readings_by_date on meter_readings (reading_date);
"""
# Plans with the rarer constructs go to every so many contracts that do not close in the range, with these terms.
_SPECIAL_EVERY = 12
_SPECIAL_PLANS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("BNK900002MRE1@EME", ()),
    ("BNK900003MRE1@EME", ()),
    ("BNK900004MRE1@EME", (("CONCESSION_PERCENT", "17.5"),)),
    ("BNK900005MRE1@EME", (("FEED_IN", "Premium Feed-in"),)),
    ("BNK900006MRE1@EME", (("DISCOUNT_MET", "Pay On Time"),)),
    ("BNK900007MRE1@EME", (("GREEN_POWER_PERCENT", "100"),)),
    ("BNK900008MRE1@EME", (("CONCESSION_FIXED", "0.98"),)),
)


def write_retailer_db(path: Path, points: Sequence[ServicePoint], book: EditBook, spec: Spec) -> None:
    """Create the database of a seed, planted defects included."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("pragma synchronous = off")
        connection.executescript(_SCHEMA)
        for table, rows in _tables(points, spec):
            _insert(connection, table, rows)
        for sql, parameters in book.statements:
            connection.execute(sql, parameters)
        connection.executescript(_INDEXES)
        connection.commit()


def _insert(connection: sqlite3.Connection, table: str, rows: Iterable[tuple[object, ...]]) -> None:
    width = len(connection.execute(f"select * from {table}").description)  # noqa: S608  names from this module
    connection.executemany(f"insert into {table} values ({','.join('?' * width)})", rows)  # noqa: S608


def _tables(points: Sequence[ServicePoint], spec: Spec) -> Iterator[tuple[str, Iterator[tuple[object, ...]]]]:
    installed = str(date(2019, 7, 1))
    yield (
        "customers",
        (
            (
                p.customer_id,
                p.customer_name,
                f"c{p.index}@example.com",
                p.customer_type,
                int(p.is_gst_registered),
                f"{p.contract_start}T00:00:00",
            )
            for p in points
        ),
    )
    yield "contract_accounts", ((p.contract_account_id, p.customer_id) for p in points)
    yield (
        "service_points",
        (
            (
                p.nmi,
                p.jurisdiction,
                p.distributor,
                p.network_tariff_code,
                p.meter_type,
                p.delivery,
                int(p.is_life_support),
                int(p.is_vacant),
                p.connection_capability_kw,
                p.distribution_loss_factor,
            )
            for p in points
        ),
    )
    yield "contracts", ((p.contract_id, p.contract_account_id, p.nmi, str(p.contract_start), None) for p in points)
    yield "contract_plans", (row for p in points for row in _plans(p))
    yield "contract_terms", (row for p in points for row in _terms(p))
    yield "devices", ((p.device_id, p.serial_number, p.nmi, installed, None) for p in points)
    yield (
        "registers",
        (
            (
                p.device_id,
                r.register_id,
                r.suffix,
                r.usage_type,
                r.time_band,
                r.unit,
                str(r.multiplier),
                r.integer_places,
                r.decimal_places,
            )
            for p in points
            for r in p.registers
        ),
    )
    yield "meter_readings", (row for p in points for row in _readings(p, spec))
    yield (
        "meter_reading_orders",
        (
            (
                order.order_id,
                order.contract_id,
                order.device_id,
                order.register_id,
                PERIODIC,
                str(order.scheduled),
                str(order.period_start),
                order.previous_reading,
            )
            for p in points
            for order in orders_of(p)
        ),
    )


def _special(point: ServicePoint) -> tuple[str, tuple[tuple[str, str], ...]] | None:
    """The special plan and terms of a point, if it is one of the few that have them."""
    if point.closing is not None or point.is_basic or point.index % _SPECIAL_EVERY:
        return None
    return _SPECIAL_PLANS[point.index // _SPECIAL_EVERY % len(_SPECIAL_PLANS)]


def _plans(point: ServicePoint) -> Iterator[tuple[object, ...]]:
    special = _special(point)
    if special is None:
        yield (point.contract_id, point.plan_id, str(point.contract_start), None)
        return
    # These customers changed their plan: the contract survives it.
    changed = point.contract_start + timedelta(days=90)
    yield (point.contract_id, point.plan_id, str(point.contract_start), str(changed - timedelta(days=1)))
    yield (point.contract_id, special[0], str(changed), None)


def _terms(point: ServicePoint) -> Iterator[tuple[object, ...]]:
    special = _special(point)
    for term, value in special[1] if special else ():
        yield (point.contract_id, term, value, str(point.contract_start), None)


def _readings(point: ServicePoint, spec: Spec) -> Iterator[tuple[object, ...]]:
    """Give the readings of a manually read meter: both ends of a closing period, else one by the customer."""
    if point.delivery != "READING":
        return
    register = point.registers[0]
    if point.closing is None:
        day = spec.first_day
        yield _reading(point, reading_text(register.previous, register), day, "CUSTOMER")
        return
    read = accumulate(spec.seed, point)
    yield _reading(point, reading_text(read.previous_ticks, register), read.previous_day, "ACTUAL")
    yield _reading(point, reading_text(read.ticks, register), read.day, "ACTUAL")


def _reading(point: ServicePoint, reading: str, day: date, reading_type: str) -> tuple[object, ...]:
    register_id = point.registers[0].register_id
    return (point.customer_id, point.device_id, register_id, reading, str(day), reading_type, f"{day}T09:30:00")
