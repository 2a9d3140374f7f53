"""Alembic's entry point: it runs on the connection and inside the transaction that ``upgrade`` opened."""

from __future__ import annotations

from alembic import context

import loaders.sap_isu.soap.tables  # noqa: F401 - adds its tables to the metadata
from loaders.operational_db import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite can do it; half a migration must never stay.
    transactional_ddl=True,
)
context.run_migrations()
