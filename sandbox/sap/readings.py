"""The rules of IS-U on a posted meter reading: who may be read, for which order, how often, and what is implausible.

Every function works inside the transaction it is given, so that a deep insert or a changeset is kept whole or not at
all. What stays out: HTTP and multipart (``gateway``, ``batch``), billing (``billing``).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from sandbox.sap.edm import EdmValueError, parse_date, parse_decimal, plain_decimal
from sandbox.sap.errors import BusinessError, Notice, ServiceError
from sandbox.sap.model import BY_SET

# What SAP was seen to fill in when a client leaves reason and category away: control-free interim, read by customer.
DEFAULT_REASON = "09"
DEFAULT_CATEGORY = "02"
REASONS_WITHOUT_ORDER = frozenset({"02", "05", "09", "10"})
CATEGORIES = frozenset({"01", "02", "03", "04"})
BILLABLE, LOCKED, RELEASED = "1", "2", "4"
# A limit for registers whose connection capability is unknown: no house and few shops use this in a day.
DEFAULT_LIMIT_PER_DAY = Decimal(5000)
DEFAULT_LIMIT_KW = Decimal(2000)
HOURS = 24

_CHILDREN = "DependentMeterReadingResults"
_RESULT = BY_SET["MeterReadingResults"]
_IGNORED_ON_CREATE = {"MeterReadingResultID", "Consumption", "MeterReadingStatusID", "ReadingUnit", "__metadata"}


@dataclass(frozen=True)
class PostedReading:
    """One reading as posted, in typed values."""

    device_id: str
    register_id: str
    reading: Decimal
    read_at: str
    reason: str
    category: str
    note: str
    serial_number: str

    @property
    def read_date(self) -> str:
        """The day of the reading, on SAP's wall clock."""
        return self.read_at[:10]

    @property
    def label(self) -> str:
        """Name the reading in a message."""
        return f"device {self.device_id}, register {self.register_id}, {self.read_date}"


@dataclass(frozen=True)
class Stored:
    """What a create stored: sequence numbers of parent and children, and warnings."""

    parent: int
    children: tuple[int, ...]
    notices: tuple[Notice, ...]


class Refusals:
    """Rows that the next creates have to refuse on command, to act out a bad row in a changeset."""

    def __init__(self) -> None:
        self._left: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    def add(self, device_id: str, register_id: str, times: int) -> None:
        """Refuse the next creates of a register; an empty register means any of the device."""
        with self._lock:
            self._left[device_id, register_id] = times

    def clear(self) -> None:
        """Refuse nothing any more."""
        with self._lock:
            self._left.clear()

    def take(self, device_id: str, register_id: str) -> bool:
        """Say whether this create is to be refused, and count it."""
        if not self._left:
            return False
        with self._lock:
            for key in ((device_id, register_id), (device_id, "")):
                if self._left.get(key, 0) > 0:
                    self._left[key] -= 1
                    return True
        return False


def create(connection: sqlite3.Connection, payload: object, refusals: Refusals) -> Stored:
    """Store a reading and, by deep insert, the other readings of its device.

    Raises:
        ServiceError: when any of them is refused; the caller has to roll back.
    """
    if not isinstance(payload, Mapping):
        raise ServiceError(400, "/IWBEP/CX_MGW_BUSI_EXCEPTION", "The request body is not an entry")
    children = payload.get(_CHILDREN) or []
    if not isinstance(children, list):
        raise ServiceError(400, "/IWCOR/CX_DS_EDM_ERROR", f"{_CHILDREN} has to be an array", _CHILDREN)
    parent = _parse({k: v for k, v in payload.items() if k != _CHILDREN})
    posted = [parent, *(_parse(child) for child in children)]
    for reading in posted:
        if reading.device_id != parent.device_id:
            raise BusinessError("EL/909", f"Dependent reading belongs to another device: {reading.label}", "DeviceID")
    notices: list[Notice] = []
    stored = [_store(connection, reading, refusals, notices) for reading in posted]
    return Stored(stored[0], tuple(stored[1:]), tuple(notices))


def _parse(payload: object) -> PostedReading:
    """Type one posted entry.

    Date, reason and category are never inherited from the parent in SAP: a child without them takes SAP's defaults.
    """
    if not isinstance(payload, Mapping):
        raise ServiceError(400, "/IWCOR/CX_DS_EDM_ERROR", "A dependent entry is not an object", _CHILDREN)
    for name in payload:
        if _RESULT.property(name) is None and name not in _IGNORED_ON_CREATE:
            raise ServiceError(400, "/IWCOR/CX_DS_EP_PROPERTY_ERROR", f"Property '{name}' is invalid", str(name))
    for name in ("DeviceID", "RegisterID", "ReadingResult", "ReadingDateTime"):
        if payload.get(name) in {None, ""}:
            raise BusinessError("EL/910", f"{name} is missing", name)
    try:
        return PostedReading(
            device_id=_text(payload, "DeviceID"),
            register_id=_text(payload, "RegisterID"),
            reading=parse_decimal(payload["ReadingResult"]),
            read_at=parse_date(payload["ReadingDateTime"]),
            reason=_text(payload, "MeterReadingReasonID") or DEFAULT_REASON,
            category=_text(payload, "MeterReadingCategoryID") or DEFAULT_CATEGORY,
            note=_text(payload, "MeterReadingNoteID"),
            serial_number=_text(payload, "SerialNumber"),
        )
    except EdmValueError as error:
        raise ServiceError(400, "CX_SXML_PARSE_ERROR", f"Error while parsing an entry: {error}") from error


def _text(payload: Mapping[str, object], name: str) -> str:
    value = payload.get(name)
    prop = _RESULT.property(name)
    if value is None:
        return ""
    if not isinstance(value, str) or (prop is not None and len(value) > prop.size):
        raise EdmValueError(f"{name} has to be text of at most {prop.size if prop else 0} characters")
    return value


def _store(connection: sqlite3.Connection, posted: PostedReading, refusals: Refusals, notices: list[Notice]) -> int:
    register = _register(connection, posted)
    if refusals.take(posted.device_id, posted.register_id):
        raise BusinessError("EL/999", f"Refused on command of the sandbox: {posted.label}", "RegisterID")
    if posted.category not in CATEGORIES:
        raise BusinessError("EL/908", f"Meter reading category {posted.category} is unknown: {posted.label}")
    _check_places(posted, register)
    _refuse_duplicate(connection, posted)
    order = _order(connection, posted)
    previous, since = _previous(connection, posted, order)
    consumption, complaint = _judge(posted, register, previous, since)
    status = BILLABLE
    if complaint is not None:
        status = RELEASED if posted.note else LOCKED
        notices.append(Notice(complaint[0], f"{complaint[1]}: {posted.label}", "ReadingResult"))
    cursor = connection.execute(
        "insert into results (device_id, register_id, reading_result, read_at, unit, note, consumption, reason, "
        "category, status, serial_number, order_id, contract_id) values (?,?,?,?,?,?,?,?,?,?,?,?,?)",
        (
            posted.device_id,
            posted.register_id,
            plain_decimal(posted.reading),
            posted.read_at,
            register["unit"],
            posted.note,
            plain_decimal(consumption),
            posted.reason,
            posted.category,
            status,
            register["serial_number"],
            order["meter_reading_order_id"] if order else None,
            order["contract_id"] if order else register["contract_id"],
        ),
    )
    if order:
        connection.execute(
            "update orders set state = 'READ' where meter_reading_order_id = ?", (order["meter_reading_order_id"],)
        )
    return int(cursor.lastrowid or 0)


def _register(connection: sqlite3.Connection, posted: PostedReading) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute(
        "select r.*, d.serial_number, p.connection_capability_kw, l.limit_per_day, (select c.contract_id from "
        "contracts c where c.nmi = d.nmi and c.start_date <= ? and coalesce(c.end_date, '9999-12-31') >= ? limit 1) "
        "as contract_id from devices d join registers r on r.device_id = d.device_id "
        "left join service_points p on p.nmi = d.nmi "
        "left join register_limits l on l.device_id = r.device_id and l.register_id = r.register_id "
        "where d.device_id = ? and r.register_id = ?",
        (posted.read_date, posted.read_date, posted.device_id, posted.register_id),
    ).fetchone()
    if row is not None:
        return row
    if connection.execute("select 1 from devices where device_id = ?", (posted.device_id,)).fetchone():
        raise BusinessError("EL/902", f"Register does not exist: {posted.label}", "RegisterID")
    raise BusinessError("EL/901", f"Device does not exist: {posted.label}", "DeviceID")


def _check_places(posted: PostedReading, register: sqlite3.Row) -> None:
    if posted.reading < 0 or posted.reading >= 10 ** register["integer_places"]:
        raise BusinessError("EL/906", f"Reading does not fit the register's places: {posted.label}", "ReadingResult")
    if posted.reading != round(posted.reading, register["decimal_places"]):
        raise BusinessError(
            "EL/906", f"Reading has more than {register['decimal_places']} decimals: {posted.label}", "ReadingResult"
        )


def _refuse_duplicate(connection: sqlite3.Connection, posted: PostedReading) -> None:
    found = connection.execute(
        "select printf('%020d', seq) from results where device_id = ? and register_id = ? "
        "and substr(read_at, 1, 10) = ? and reason = ?",
        (posted.device_id, posted.register_id, posted.read_date, posted.reason),
    ).fetchone()
    if found:
        raise BusinessError(
            "EL/903", f"Result {found[0]} already exists for reason {posted.reason}: {posted.label}", "ReadingDateTime"
        )


def _order(connection: sqlite3.Connection, posted: PostedReading) -> sqlite3.Row | None:
    """Find the order that this reading answers; a reading for another reason leaves the order unbilled."""
    rows = connection.execute(
        "select * from orders where device_id = ? and register_id = ? and scheduled_read_date = ?",
        (posted.device_id, posted.register_id, posted.read_date),
    ).fetchall()
    same = [row for row in rows if row["meter_reading_reason"] == posted.reason]
    for row in same:
        if row["state"] == "OPEN":
            found: sqlite3.Row = row
            return found
    if any(row["state"] == "CANCELLED" for row in same):
        raise BusinessError("EL/905", f"The meter reading order was cancelled: {posted.label}", "ReadingDateTime")
    if posted.reason in REASONS_WITHOUT_ORDER:
        return None
    other = ", ".join(sorted({row["meter_reading_reason"] for row in rows}))
    hint = f" (an order exists for reason {other})" if other else ""
    raise BusinessError(
        "EL/904", f"No meter reading order for reason {posted.reason}{hint}: {posted.label}", "MeterReadingReasonID"
    )


def _previous(
    connection: sqlite3.Connection, posted: PostedReading, order: sqlite3.Row | None
) -> tuple[Decimal | None, date | None]:
    """Find the reading to compare with: the order's own, else the last good result of the register."""
    if order is not None and order["previous_reading"] is not None:
        start = date.fromisoformat(order["period_start_date"]) - timedelta(days=1)
        return Decimal(order["previous_reading"]), start
    row = connection.execute(
        "select reading_result, read_at from results where device_id = ? and register_id = ? and read_at < ? "
        "and status <> ? order by read_at desc limit 1",
        (posted.device_id, posted.register_id, posted.read_at, LOCKED),
    ).fetchone()
    if row:
        return Decimal(row["reading_result"]), date.fromisoformat(row["read_at"][:10])
    row = connection.execute(
        "select previous_reading, period_start_date from orders where device_id = ? and register_id = ? "
        "and period_start_date <= ? order by period_start_date desc limit 1",
        (posted.device_id, posted.register_id, posted.read_date),
    ).fetchone()
    if row is None or row["previous_reading"] is None:
        return None, None
    return Decimal(row["previous_reading"]), date.fromisoformat(row["period_start_date"]) - timedelta(days=1)


def _judge(
    posted: PostedReading, register: sqlite3.Row, previous: Decimal | None, since: date | None
) -> tuple[Decimal, tuple[str, str] | None]:
    """Work out the consumption and what is implausible about it, if anything."""
    capability = register["connection_capability_kw"]
    if register["usage_type"] == "DEMAND":
        limit = Decimal(register["limit_per_day"] or capability or DEFAULT_LIMIT_KW)
        demand = posted.reading * Decimal(register["multiplier"])
        return demand, ("EL/106", "Demand above the register's limit") if demand > limit else None
    if previous is None or since is None:
        return posted.reading * Decimal(register["multiplier"]), None
    difference = posted.reading - previous
    rolled_over = difference < 0
    if rolled_over:
        difference += Decimal(10) ** register["integer_places"]
    consumption = difference * Decimal(register["multiplier"])
    days = max((date.fromisoformat(posted.read_date) - since).days, 1)
    per_day = Decimal(
        register["limit_per_day"] or (Decimal(capability) * HOURS if capability else DEFAULT_LIMIT_PER_DAY)
    )
    if consumption <= per_day * days:
        return consumption, None
    if rolled_over:
        return consumption, ("EL/676", "Reading below the previous one, difference exceeds the register's capacity")
    return consumption, ("EL/106", "Deviation from the previous reading above the permitted value")
