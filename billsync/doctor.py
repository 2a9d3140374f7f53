"""``billsync doctor``: is everything there that a day needs? Looks at all of it, changes nothing.

What belongs here: one small check per part, each with what, why and fix in plain words. What stays out: repairing.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from billsync.local_sandbox import is_up
from billsync.settings import ConfigurationError, Settings, load_settings, unknown_names
from billsync.settings.sap_limits import sap_limits
from billsync.settings.uipath import uipath_settings

if TYPE_CHECKING:
    from loaders.warehouse import Warehouse

# Versions that were proven together (docs/adr): exact where an inner interface is used.
PINNED: Final = {"dagster": "1.13.27", "dagster-dbt": "0.29.27", "duckdb": "1.5.5", "soda-core": "4.28.0"}
LEAST_FREE_BYTES: Final = 2 * 1024**3
HTTP_SECONDS: Final = 10


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        ok: whether it is fit.
        what: what was looked at.
        why: what was found.
        fix: what to do; empty when it is fit.
        is_warning: whether a day can run although it is not fit.
    """

    ok: bool
    what: str
    why: str = ""
    fix: str = ""
    is_warning: bool = False

    def lines(self) -> list[str]:
        """The finding for a person."""
        if self.ok:
            return [f"ok    {self.what}{': ' + self.why if self.why else ''}"]
        return [
            f"{'WARN' if self.is_warning else 'FAIL'}  {self.what}",
            f"      why: {self.why}",
            f"      fix: {self.fix}",
        ]


def examine(environ: Mapping[str, str]) -> list[Finding]:
    """Look at everything; a part that cannot be looked at is a finding too."""
    try:
        settings = load_settings(environ)
    except ConfigurationError as error:
        return [Finding(ok=False, what="configuration", why=str(error), fix="correct the variable")]
    return [finding for check in CHECKS for finding in _guarded(check, settings, environ)]


def _guarded(check: Check, settings: Settings, environ: Mapping[str, str]) -> list[Finding]:
    from loaders.errors import LoaderError  # noqa: PLC0415 - keeps the command line's start quick

    what = check.__name__.strip("_").replace("_", " ")
    try:
        return list(check(settings, environ))
    except ConfigurationError as error:
        return [Finding(ok=False, what=what, why=str(error), fix="set the variable; .env.example lists every name")]
    except LoaderError as error:
        return [Finding(ok=False, what=what, why=f"{error.what}: {error.why}", fix=error.remedy)]
    except Exception as error:  # noqa: BLE001 - the doctor tells of every failure, whatever its kind
        return [
            Finding(ok=False, what=what, why=f"{type(error).__name__}: {_masked(str(error), settings)}", fix="see why")
        ]


def _masked(text: str, settings: Settings) -> str:
    for secret in settings.secrets:
        text = text.replace(secret, "***")
    return text


def _configuration(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    yield Finding(
        ok=True,
        what="configuration",
        why=f"environment {settings.environment}, warehouse {settings.warehouse}, home {settings.home}, "
        f"SAP write {'on' if settings.sap_write else 'off'}",
    )
    for name in unknown_names(environ):
        yield Finding(ok=False, what=name, why="no such setting; misspelt?", fix=".env.example lists every name")


def _stored_values(settings: Settings, _environ: Mapping[str, str]) -> Iterator[Finding]:
    from loaders.errors import LoaderError  # noqa: PLC0415 - see _guarded

    for name, text in settings.references.items():
        # An address is a secret even where only its password lies elsewhere.
        shown = "in AWS" if "{" in text else text
        try:
            settings.require(name)
            yield Finding(ok=True, what=name, why=f"{shown}, fetched")
        except LoaderError as error:
            yield Finding(ok=False, what=name, why=f"{error.what}: {error.why}", fix=error.remedy)


def _versions(_settings: Settings, _environ: Mapping[str, str]) -> Iterator[Finding]:
    python = sys.version_info
    yield Finding(
        ok=python >= (3, 11), what="Python", why=f"{python.major}.{python.minor}", fix="use Python 3.11 or newer"
    )
    for name, wanted in PINNED.items():
        found = importlib.metadata.version(name)
        yield Finding(ok=found == wanted, what=name, why=f"{found}, proven with {wanted}", fix="make install")


def _state_folder(settings: Settings, _environ: Mapping[str, str]) -> Iterator[Finding]:
    folder = settings.home
    while not folder.exists():
        folder = folder.parent
    facts = os.statvfs(folder)
    free = facts.f_bavail * facts.f_frsize
    yield Finding(
        ok=os.access(folder, os.W_OK), what="state folder", why=str(settings.home), fix="give the user write access"
    )
    yield Finding(
        ok=free >= LEAST_FREE_BYTES,
        what="disk space",
        why=f"{free // 1024**3} GiB free under {folder}",
        fix="free some space or move BILLSYNC_HOME",
    )


def _sandbox(settings: Settings, _environ: Mapping[str, str]) -> Iterator[Finding]:
    if settings.starts_sandbox:
        up = is_up(settings)
        yield Finding(ok=True, what="sandbox", why="answers" if up else "is not up; a run starts it")


def _warehouse(settings: Settings, _environ: Mapping[str, str]) -> Iterator[Finding]:
    from billsync.warehouse import shown_warehouse, warehouse_of  # noqa: PLC0415 - see _guarded

    # Once is enough: who asks the doctor wants to know now, and a login that is refused may be locked.
    warehouse = warehouse_of(settings, attempts=1)
    if warehouse.exists():
        rows = warehouse.fetch("select count(*) as tables from INFORMATION_SCHEMA.TABLES")
        why = f"{shown_warehouse(settings)}, {rows[0]['tables']} tables and views"
    else:
        why = f"the raw layer of {shown_warehouse(settings)} is made by the first run"
    yield Finding(ok=True, what="warehouse", why=why)
    if settings.warehouse == "sqlserver":
        yield from _database_options(warehouse)


def _database_options(warehouse: Warehouse) -> Iterator[Finding]:
    """What a database administrator decides for the database on SQL Server; a day runs under any."""
    from loaders.errors import PermanentError  # noqa: PLC0415 - see _guarded
    from loaders.warehouse.sqlserver_sql import IGNORES_CASE, READS_SNAPSHOTS  # noqa: PLC0415 - see _guarded

    for what, query, wanted, why, fix in (
        ("read-committed snapshot", READS_SNAPSHOTS, 1, "off: who reads the marts waits for a run, and a run for him",
         "alter database … set read_committed_snapshot on (deploy/sqlserver/database.sql)"),
        ("collation", IGNORES_CASE, 0, "ignores case: plans, files or ids whose names differ only in case become one",
         "make the database with a collation that compares by code (deploy/sqlserver/database.sql)"),
    ):  # fmt: skip
        try:
            rows = warehouse.fetch(query)
        except PermanentError as error:
            yield Finding(ok=False, what=what, why=f"the server does not tell ({error.why})", fix=fix, is_warning=True)
            continue
        answer = rows[0]["answer"] if rows else None
        if answer is None:
            yield Finding(ok=False, what=what, why="the server does not tell", fix=f"see that it is so: {fix}",
                          is_warning=True)  # fmt: skip
        else:
            fit = int(str(answer)) == wanted
            yield Finding(ok=fit, what=what, why="as it should be" if fit else why, fix=fix, is_warning=not fit)


def _ledger(settings: Settings, _environ: Mapping[str, str]) -> Iterator[Finding]:
    from sqlalchemy.engine import make_url  # noqa: PLC0415 - see _guarded
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415 - see _guarded

    from billsync.settings.sqlserver import sqlserver_login  # noqa: PLC0415 - see _guarded
    from loaders.operational_db import open_engine, reading  # noqa: PLC0415 - see _guarded
    from loaders.sqlserver.errors import failure  # noqa: PLC0415 - see _guarded

    url = make_url(settings.ledger_url)
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        yield Finding(ok=True, what="ledger", why="is made by the first run")
        return
    try:
        with reading(open_engine(settings.ledger_url)):
            yield Finding(ok=True, what="ledger", why=url.render_as_string(hide_password=True))
    except (DBAPIError, ImportError) as error:
        if settings.require("BILLSYNC_LEDGER_URL") != "sqlserver":
            raise
        raise failure("Opening the ledger", getattr(error, "orig", None) or error, sqlserver_login(settings)) from error


def _landing(settings: Settings, _environ: Mapping[str, str]) -> Iterator[Finding]:
    from loaders.sources.landing import open_landing  # noqa: PLC0415 - see _guarded

    if not _served_later(settings):
        days = open_landing(settings.require("LANDING")).list_days()
        last = f", the last {days[-1]}" if days else ""
        yield Finding(ok=True, what="landing", why=f"{len(days)} billing days{last}")


def _buckets(settings: Settings, _environ: Mapping[str, str]) -> Iterator[Finding]:
    from loaders.aws.s3 import Bucket, S3Place  # noqa: PLC0415 - see _guarded

    for name in ("ARCHIVE", "EXTRACT_OUTPUT", "REPORTS"):
        address = settings.get(name) or ""
        if address.startswith("s3://"):
            place = S3Place.parse(address)
            next(Bucket(place.bucket).list_folders(f"{place.prefix}/" if place.prefix else ""), None)
            yield Finding(ok=True, what=f"BILLSYNC_{name}", why=f"{place} can be listed")
    if settings.extract == "lambda":
        from orchestration.lambda_extract import function_reader  # noqa: PLC0415 - see _guarded

        function_reader(settings)
        yield Finding(ok=True, what="extraction function", why=f"{settings.get('EXTRACT_FUNCTION')}, not called now")


def _retailer_database(settings: Settings, _environ: Mapping[str, str]) -> Iterator[Finding]:
    import sqlalchemy as sa  # noqa: PLC0415 - see _guarded

    if _served_later(settings):
        return
    url = sa.engine.make_url(settings.require("SOURCE_DB_URL"))
    if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        yield Finding(ok=False, what="retailer database", why=f"{url.database} is missing", fix="check SOURCE_DB_URL")
        return
    with sa.create_engine(url).connect() as connection:
        connection.execute(sa.text("select 1"))
    yield Finding(ok=True, what="retailer database", why=url.render_as_string(hide_password=True))


def _apis(settings: Settings, _environ: Mapping[str, str]) -> Iterator[Finding]:
    if _served_later(settings):
        return
    for what, name in (("metering API", "METERING_API_URL"), ("plan register", "TARIFF_API_URL"), ("SAP", "SAP_URL")):
        url = settings.get(name)
        if url is None:
            yield Finding(ok=True, what=what, why=f"BILLSYNC_{name} is not set; needed only if the system is used")
        else:
            yield _reached(what, url, sap_limits(settings).ca_bundle if what == "SAP" else None)


def _reached(what: str, url: str, ca_bundle: Path | None) -> Finding:
    """Whether something answers at an address; any HTTP answer will do, nothing is logged on or changed."""
    import requests  # noqa: PLC0415 - see _guarded

    verify = str(ca_bundle) if ca_bundle else True
    try:
        status = requests.get(url, timeout=HTTP_SECONDS, allow_redirects=False, verify=verify).status_code
    except requests.RequestException as error:
        fix = "check the address, the network and that the system is up"
        return Finding(ok=False, what=what, why=f"{url}: {type(error).__name__}", fix=fix)
    return Finding(ok=True, what=what, why=f"{url} answers ({status})")


def _alerts(settings: Settings, _environ: Mapping[str, str]) -> Iterator[Finding]:
    from billsync.alerts import channel_names  # noqa: PLC0415 - see _guarded

    for what, urls in (("alerts", settings.alert_urls), ("reports", settings.report_urls)):
        names = channel_names(urls)
        yield Finding(ok=True, what=what, why=f"go out by {', '.join(names)}" if names else "are sent nowhere")


def _robots(settings: Settings, _environ: Mapping[str, str]) -> Iterator[Finding]:
    if not uipath_settings(settings).is_used or _served_later(settings):
        return
    from orchestration.robots import greeting  # noqa: PLC0415 - nothing of robots is imported while they are off

    yield Finding(ok=True, what="UiPath Orchestrator", why=greeting(settings))


def _served_later(settings: Settings) -> bool:
    """A local sandbox that is down will serve these systems when a run starts it."""
    return settings.starts_sandbox and not is_up(settings) and settings.get("SOURCE_DB_URL") is None


Check = Callable[[Settings, Mapping[str, str]], Iterator[Finding]]
CHECKS: Final[tuple[Check, ...]] = (
    _configuration, _stored_values, _versions, _state_folder, _sandbox, _warehouse,
    _ledger, _landing, _buckets, _retailer_database, _apis, _alerts, _robots,
)  # fmt: skip
