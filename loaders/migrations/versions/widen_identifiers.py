"""Room for every identifier that the loaders let in, where SQL Server would refuse or the queue cut a longer one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "widen_identifiers"
down_revision = "add_sap_order_message_ids"
branch_labels = None
depends_on = None

# Table, column, its former and its new length, whether it may be null.
_COLUMNS = (
    ("load_readings", "meter_reading_order_id", 20, 40, True),
    ("load_readings", "contract_id", 10, 40, True),
    ("load_readings", "nmi", 11, 40, True),
    ("load_readings", "device_id", 18, 30, False),
    ("load_readings", "register_id", 3, 10, False),
    ("exceptions", "nmi", 20, 40, True),
    ("exceptions", "nmi_suffix", 10, 20, True),
    ("exceptions", "contract_id", 10, 40, True),
    ("read_edits", "nmi", 20, 40, False),
    ("read_edits", "nmi_suffix", 10, 20, False),
)


# Servers that only speak T-SQL (they report a level before 2016) keep what is not said; SQL Server makes it nullable.
_ON_SQL_SERVER = (
    "if cast(parsename(cast(serverproperty('ProductVersion') as varchar(128)), 4) as int) < 13 "
    "exec('{change}') else exec('{change} {nullable}')"
)


def _alter(*, is_wider: bool) -> None:
    for table, column, narrow, wide, is_nullable in _COLUMNS:
        before, after = (narrow, wide) if is_wider else (wide, narrow)
        if op.get_bind().dialect.name == "mssql":
            change = f"alter table {table} alter column {column} nvarchar({after})"
            op.execute(_ON_SQL_SERVER.format(change=change, nullable="null" if is_nullable else "not null"))
            continue
        # SQLite changes a column by copying its table.
        with op.batch_alter_table(table) as batch:
            batch.alter_column(
                column,
                existing_type=sa.Unicode(length=before),
                type_=sa.Unicode(length=after),
                existing_nullable=is_nullable,
            )


def upgrade() -> None:
    """Widen the columns."""
    _alter(is_wider=True)


def downgrade() -> None:
    """Narrow them again; SQL Server refuses while a longer identifier is there."""
    _alter(is_wider=False)
