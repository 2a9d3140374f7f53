"""The pretend data holder's usage endpoint: interval reads of the service points that deliver by API."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

from sandbox.cdr import BASE_PATH, CdrError, Page, check_version
from sandbox.http import RawJson, Request, Response, Router

USAGE_PATH = f"{BASE_PATH}/energy/electricity/servicepoints/usage"
VERSION = 1
_MIN_30 = 30
_DETAIL = ("NONE", "MIN_30", "FULL")
_MAX_SERVICE_POINTS = 1000


class MeteringApi:
    """Serves ``metering.db`` as UsageRead objects to holders of the token."""

    def __init__(self, database: Path, token: str) -> None:
        self._database = database
        self._token = token

    def register(self, router: Router) -> None:
        """Add the endpoints to a router."""
        router.add("POST", USAGE_PATH, self.handle)
        router.add("GET", f"{BASE_PATH}/energy/electricity/servicepoints/{{nmi}}/usage", self.handle)

    def handle(self, request: Request) -> Response:
        """Answer one page of reads."""
        try:
            return self._answer(request)
        except CdrError as error:
            return error.response()

    def _answer(self, request: Request) -> Response:
        if request.headers.get("Authorization") != f"Bearer {self._token}":
            raise CdrError(401, "Authorisation/InvalidToken", "Unauthorised", "bearer token missing or wrong")
        check_version(request, VERSION)
        page = Page.of(request.query)
        oldest, newest = _date(request, "oldest-date", date.min), _date(request, "newest-date", date.max)
        detail = request.query.get("interval-reads", "NONE")
        if detail not in _DETAIL:
            raise CdrError(400, "Field/Invalid", "Invalid Field", "interval-reads")
        nmis = _service_points(request)
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True)) as connection:
            self._check_known(connection, nmis)
            marks = ",".join("?" * len(nmis))
            where = f"from reads where nmi in ({marks}) and market_date between ? and ?"
            values = (*nmis, str(oldest), str(newest))
            total = connection.execute(f"select count(*) {where}", values).fetchone()[0]
            rows = connection.execute(
                f"select * {where} order by nmi, market_date, nmi_suffix limit ? offset ?",
                (*values, page.size, page.offset),
            ).fetchall()
        return page.wrap(request, {"reads": [_usage_read(row, detail) for row in rows]}, total, VERSION)

    def _check_known(self, connection: sqlite3.Connection, nmis: Sequence[str]) -> None:
        known = {row[0] for row in connection.execute("select nmi from service_points")}
        unknown = [nmi for nmi in nmis if nmi not in known]
        if unknown:
            raise CdrError(422, "Authorisation/InvalidServicePoint", "Invalid Service Point", unknown[0])


def _date(request: Request, name: str, default: date) -> date:
    text = request.query.get(name)
    if not text:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CdrError(400, "Field/InvalidDateTime", "Invalid Date", name) from error


def _service_points(request: Request) -> list[str]:
    """The service points asked for, by path or by body."""
    if "nmi" in request.path_parameters:
        return [request.path_parameters["nmi"]]
    try:
        body: Any = request.json()
        nmis = body["data"]["servicePointIds"]
    except (ValueError, KeyError, TypeError) as error:
        raise CdrError(400, "Field/Missing", "Missing Required Field", "data.servicePointIds") from error
    if not isinstance(nmis, list) or not all(isinstance(nmi, str) for nmi in nmis):
        raise CdrError(400, "Field/Invalid", "Invalid Field", "data.servicePointIds")
    if len(nmis) > _MAX_SERVICE_POINTS:
        raise CdrError(422, "Field/Invalid", "Too many service points", str(_MAX_SERVICE_POINTS))
    return list(dict.fromkeys(nmis))


def _usage_read(row: Sequence[Any], detail: str) -> dict[str, object]:
    """Build a UsageRead: energy to the grid is negative here, unlike in NEM12."""
    nmi, suffix, day, register_id, serial, is_controlled, minutes, text, quality = row
    watt_hours = [int(value.replace(".", "")) for value in text.split(",")]
    if suffix.startswith("B"):
        watt_hours = [-value for value in watt_hours]
    if detail == "MIN_30" and minutes < _MIN_30:
        step = _MIN_30 // minutes
        watt_hours = [sum(watt_hours[start : start + step]) for start in range(0, len(watt_hours), step)]
        minutes = _MIN_30
    interval: dict[str, object] = {
        "readIntervalLength": minutes,
        "aggregateValue": RawJson(_kwh(sum(watt_hours))),
    }
    if detail != "NONE":
        interval["intervalReads"] = RawJson("[" + ",".join(map(_kwh, watt_hours)) + "]")
        if quality != "ACTUAL":
            span = {"startInterval": 1, "endInterval": len(watt_hours), "quality": quality}
            interval["readQualities"] = [span]
    return {
        "servicePointId": nmi,
        "registerId": register_id,
        "registerSuffix": suffix,
        "meterId": serial,
        "controlledLoad": bool(is_controlled),
        "readStartDate": day,
        "readEndDate": day,
        "unitOfMeasure": "KWH",
        "readUType": "intervalRead",
        "intervalRead": interval,
    }


def _kwh(watt_hours: int) -> str:
    """Write watt-hours as a JSON number of kWh, exactly."""
    whole, rest = divmod(abs(watt_hours), 1000)
    return f"{'-' if watt_hours < 0 else ''}{whole}.{rest:03d}"
