"""The one resource: how a run reaches its systems, and the lease that keeps two runs apart.

What belongs here: opening warehouse, operational database and dbt from settings that are read at use. What stays out:
what is done with them. Nothing is opened when the code location loads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import dagster as dg

from billsync.settings import ConfigurationError, Settings, load_settings
from orchestration.dbt_runner import DbtTarget, dbt_target

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

    from checks.data_sources import DataSource
    from loaders.warehouse import Warehouse

RUN_LEASE: Final = "warehouse"
# Two runs on one warehouse would mix their work tables; the second waits this long for the first.
LEASE_WAIT_SECONDS: Final = 120.0


@dataclass(frozen=True)
class Systems:
    """What a run works with.

    Attributes:
        environ: where settings are read from, at use.
    """

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    _done: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    @cached_property
    def settings(self) -> Settings:
        """The settings as they are now."""
        return load_settings(self.environ)

    @cached_property
    def warehouse(self) -> Warehouse:
        """The raw layer and queries; nothing is connected until it is used."""
        from billsync.warehouse import warehouse_of  # noqa: PLC0415 - keeps DuckDB and Arrow out of definition loading

        return warehouse_of(self.settings)

    @cached_property
    def engine(self) -> Engine:
        """The operational database, brought to its newest form."""
        from loaders.operational_db import open_engine, upgrade  # noqa: PLC0415 - see warehouse

        engine = open_engine(self.settings.ledger_url, lambda: self.settings.ledger_url)
        upgrade(engine)
        return engine

    @property
    def dbt(self) -> DbtTarget:
        """The dbt target of the warehouse."""
        return dbt_target(self.settings)

    @property
    def soda_source(self) -> DataSource:
        """The warehouse as Soda's checks open it."""
        from checks.data_sources import DuckDBSource, SqlServerSource  # noqa: PLC0415 - see warehouse

        if self.settings.warehouse == "duckdb":
            return DuckDBSource(self.settings.duckdb_path)
        if self.settings.warehouse != "sqlserver":
            msg = f"the table contracts have no data source for the warehouse {self.settings.warehouse}"
            raise ConfigurationError(msg)
        from billsync.settings.sqlserver import sqlserver_login  # noqa: PLC0415 - see warehouse
        from loaders.sqlserver.connection import open_connection  # noqa: PLC0415 - see warehouse

        return SqlServerSource(partial(open_connection, sqlserver_login(self.settings)))

    def ensure_raw_schema(self) -> None:
        """Create missing raw tables, once per run."""
        if "raw schema" not in self._done:
            self.warehouse.ensure_raw_schema()
            self._done.add("raw schema")

    def staging_folder(self, name: str) -> Path:
        """An own folder for files on their way into the warehouse."""
        folder = self.settings.staging / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


@contextmanager
def held_systems(systems: Systems, *, wait_seconds: float = LEASE_WAIT_SECONDS) -> Iterator[Systems]:
    """The systems, with the warehouse's lease held until the run ends.

    Raises:
        LeaseHeldError: when another run still works on the warehouse after the wait.
    """
    from loaders.sap_isu.lease import Lease  # noqa: PLC0415 - see Systems.warehouse

    with Lease(systems.engine, (RUN_LEASE,), wait_seconds=wait_seconds):
        yield systems


def systems_resource_for(environ: Mapping[str, str]) -> dg.ResourceDefinition:
    """The resource of a run whose settings come from given variables."""

    def open_systems(_context: dg.InitResourceContext) -> Iterator[Systems]:
        with held_systems(Systems(environ)) as systems:
            yield systems

    return dg.ResourceDefinition(
        open_systems,
        description="Warehouse, operational database and sources of the environment; holds the warehouse's lease.",
    )


systems_resource: Final = systems_resource_for(os.environ)
