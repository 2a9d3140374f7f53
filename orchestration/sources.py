"""The sources, bound to settings: what each is called, which raw tables it fills and how it is read.

What belongs here: choosing values from settings for a loader's function. What stays out: reading (``loaders/sources``),
writing and telling (``assets/extract.py``). Settings are asked for at use, so that a system nobody uses needs no name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import dagster as dg

from billsync.settings import Settings
from billsync.settings.uipath import uipath_settings
from loaders.sources.extract import Extract
from loaders.warehouse.schema import METER_TABLES, PLAN_TABLES, RAW_TABLES, RETAILER_TABLES, RawTable
from orchestration.lambda_extract import function_reader
from orchestration.partitions import days_between
from orchestration.systems import Systems

# A bill may span a year; the rest is for periods that could not close in time.
CALENDAR_LOOK_BACK_DAYS: Final = 430
# Reads of the last days may still have been revised; bills that close are read from their first day.
API_LOOK_BACK_DAYS: Final = 3
API_SERVICE_POINTS: Final = """
select p.nmi, min(o.period_start_date) as first_day
from raw.retailer_service_points as p
left join raw.retailer_contracts as c on c.nmi = p.nmi
left join raw.retailer_meter_reading_orders as o on o.contract_id = c.contract_id and o.billing_day = ?
where p.delivery = 'API'
group by p.nmi
order by p.nmi
"""

ROBOT_FILES: Final = "robot_files"

Reader = Callable[[Systems, date, Path], Sequence[Extract]]


@dataclass(frozen=True)
class Source:
    """One source of a billing day.

    Attributes:
        name: as in ``raw.source_outcomes``.
        tables: raw tables it fills with their descriptions, the main one first.
        read: stages the source's rows for a day.
        deps: raw assets that must be there before.
        kinds: what Dagster shows.
    """

    name: str
    tables: Mapping[str, str]
    read: Reader
    deps: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ("python",)

    def column_schema(self, table: str) -> dg.TableSchema | None:
        """The columns of one of its tables, for the catalogue; None where the asset is no table of its own."""
        found = RAW_TABLES.get(table)
        if found is None:
            return None
        return dg.TableSchema([dg.TableColumn(name, kind) for name, kind in found.columns])


def _described(tables: Sequence[RawTable], main: str | None = None) -> dict[str, str]:
    ordered = sorted(tables, key=lambda table: table.name != main)
    return {table.name: table.description for table in ordered}


def missing_ranges(present: Collection[date], first: date, last: date) -> list[tuple[date, date]]:
    """The days from first to last that are not present, as ranges with both ends included."""
    ranges: list[tuple[date, date]] = []
    for day in days_between(first, last):
        if day in present:
            continue
        if ranges and day - ranges[-1][1] == timedelta(days=1):
            ranges[-1] = (ranges[-1][0], day)
        else:
            ranges.append((day, day))
    return ranges


def _read_calendar(systems: Systems, day: date, folder: Path) -> list[Extract]:
    from loaders.sources.market_calendar import extract_market_calendar  # noqa: PLC0415 - loaded when used

    first = day - timedelta(days=CALENDAR_LOOK_BACK_DAYS)
    rows = systems.warehouse.fetch(
        "select distinct market_date from raw.market_calendar where market_date between ? and ?", [first, day]
    )
    present = {row["market_date"] for row in rows}
    return [
        extract_market_calendar(begin, end, folder / begin.isoformat())
        for begin, end in missing_ranges({one for one in present if isinstance(one, date)}, first, day)
    ]


def _read_retailer_db(systems: Systems, day: date, folder: Path) -> list[Extract]:
    from loaders.sources.retailer_db import extract_retailer_db  # noqa: PLC0415 - loaded when used

    return [extract_retailer_db(systems.settings.require("SOURCE_DB_URL"), day, folder)]


def _read_meter_files(systems: Systems, day: date, folder: Path) -> list[Extract]:
    """The day's deliveries, and those of earlier days that are new or changed since they were read."""
    from loaders.archive import open_archive  # noqa: PLC0415 - loaded when used
    from loaders.sources.landing import days_to_extract, open_landing  # noqa: PLC0415 - loaded when used
    from loaders.sources.meter_files import (  # noqa: PLC0415 - loaded when used
        ReadOptions,
        extract_meter_files,
        known_deliveries,
    )

    settings = systems.settings
    landing = open_landing(settings.require("LANDING"))
    archive = settings.get("ARCHIVE")
    options = ReadOptions(archive=open_archive(archive) if archive else None)
    elsewhere = function_reader(settings)
    first = settings.first_day
    known = known_deliveries(systems.warehouse, first, day)
    listing = landing.list_between(first, day)
    return [
        extract_meter_files(
            landing, one, folder / one.isoformat(), known.get(one), options=options, read_elsewhere=elsewhere
        )
        for one in days_to_extract(day, first, listing, known)
    ]


def _read_metering_api(systems: Systems, day: date, folder: Path) -> list[Extract]:
    """Usage of the service points that deliver by API, back to where the bills that close on the day begin."""
    from loaders.http import HttpSession  # noqa: PLC0415 - loaded when used
    from loaders.sources.metering_api import UsageQuery, extract_metering_api  # noqa: PLC0415 - loaded when used

    points = systems.warehouse.fetch(API_SERVICE_POINTS, [day])
    if not points:
        return []
    starts = [date.fromisoformat(str(row["first_day"])[:10]) for row in points if row["first_day"] is not None]
    oldest = min([*starts, day - timedelta(days=API_LOOK_BACK_DAYS)])
    settings = systems.settings
    query = UsageQuery(settings.require("METERING_API_URL"), oldest, day)
    headers = {"Authorization": f"Bearer {settings.require('METERING_API_TOKEN')}"}
    with HttpSession(headers=headers) as session:
        return [extract_metering_api(session, query, [str(row["nmi"]) for row in points], day, folder)]


def _read_decisions(systems: Systems, _day: date, folder: Path) -> list[Extract]:
    """What people decided since the last run: edits of reads, and the exception queue as it is now."""
    from loaders.exception_queue import ExceptionQueue  # noqa: PLC0415 - loaded when used
    from loaders.read_edits import ReadEdits, extract_read_edits  # noqa: PLC0415 - loaded when used
    from loaders.snapshots import snapshot_exceptions  # noqa: PLC0415 - loaded when used

    queue = snapshot_exceptions(ExceptionQueue(systems.engine), folder / "exceptions")
    return [
        extract_read_edits(ReadEdits(systems.engine), folder),
        Extract("exception_queue", [queue], {}),
    ]


def _read_sap_orders(systems: Systems, day: date, folder: Path) -> list[Extract]:
    """Orders that SAP has sent or cancelled since; of new ones SAP is asked what their registers showed before."""
    from loaders.sap_isu.soap.orders import OrderBook  # noqa: PLC0415 - loaded when used
    from loaders.sources.sap_orders import TABLE, extract_sap_orders  # noqa: PLC0415 - loaded when used
    from orchestration.sap_orders import ask_about_orders  # noqa: PLC0415 - loaded when used

    book = OrderBook(systems.engine)
    failures = ask_about_orders(systems, book, day)
    (newest,) = systems.warehouse.fetch(f"select max(changed_at) as changed_at from raw.{TABLE}")  # noqa: S608
    known = newest["changed_at"]
    known_until = known.replace(tzinfo=UTC) if isinstance(known, datetime) else None
    return [extract_sap_orders(book, folder, known_until=known_until, failures=failures)]


def _read_plans_api(systems: Systems, day: date, folder: Path) -> list[Extract]:
    """The plans that contracts name; versions that are known are not stored again."""
    from loaders.http import HttpSession  # noqa: PLC0415 - loaded when used
    from loaders.sources.plans_api import extract_plans_api  # noqa: PLC0415 - loaded when used

    plans = systems.warehouse.fetch(
        "select distinct plan_id from raw.retailer_contract_plans where plan_id is not null"
    )
    if not plans:
        return []
    known = systems.warehouse.fetch("select version_hash from raw.plan_versions")
    with HttpSession() as session:
        extract = extract_plans_api(
            session,
            systems.settings.require("TARIFF_API_URL"),
            [str(row["plan_id"]) for row in plans],
            day,
            folder,
            known_versions=[str(row["version_hash"]) for row in known],
        )
    return [extract]


SOURCES: Final[tuple[Source, ...]] = (
    Source(
        "market_calendar",
        {"market_calendar": RAW_TABLES["market_calendar"].description},
        _read_calendar,
    ),
    Source(
        "retailer_db", _described(RETAILER_TABLES, "retailer_meter_reading_orders"), _read_retailer_db, (), ("sql",)
    ),
    Source("meter_files", _described(METER_TABLES, "meter_interval_records"), _read_meter_files, (), ("python", "csv")),
    Source(
        "metering_api",
        {"metering_api": "Channel-days of service points whose data come by API, as rows of the meter tables."},
        _read_metering_api,
        ("retailer_service_points", "retailer_contracts", "retailer_meter_reading_orders"),
        ("python",),
    ),
    Source(
        "sap_orders",
        {"sap_meter_reading_orders": RAW_TABLES["sap_meter_reading_orders"].description},
        _read_sap_orders,
        ("retailer_meter_reading_orders",),
        ("sql", "sap"),
    ),
    Source("decisions", {"read_edits": RAW_TABLES["read_edits"].description}, _read_decisions, (), ("sql",)),
    Source("plans_api", _described(PLAN_TABLES, "plan_versions"), _read_plans_api, ("retailer_contract_plans",)),
)


def sources_of(settings: Settings) -> tuple[Source, ...]:
    """The sources of a billing day; where robots fetch files, that comes before reading them."""
    if not uipath_settings(settings).jobs:
        return SOURCES

    def read(systems: Systems, day: date, folder: Path) -> Sequence[Extract]:
        from orchestration.robots import read_robot_files  # noqa: PLC0415 - robots are off by default

        return read_robot_files(systems, day, folder)

    told = {ROBOT_FILES: "Files that UiPath robots brought into the landing folder; meter_files reads them."}
    after = tuple(replace(one, deps=(*one.deps, ROBOT_FILES)) if one.name == "meter_files" else one for one in SOURCES)
    return (Source(ROBOT_FILES, told, read, (), ("uipath",)), *after)
