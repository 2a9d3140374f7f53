"""The first form of the operational database: ledger, exception queue, leases, alerts, runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from loaders.operational_db import UtcDateTime

revision = "create_operational_tables"
down_revision = None
branch_labels = None
depends_on = None

HISTORY_TABLES = ("load_history", "exception_history")


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "alerts_sent",
        sa.Column("alert_key", sa.Unicode(300), nullable=False),
        sa.Column("first_sent_at", UtcDateTime(), nullable=False),
        sa.Column("last_sent_at", UtcDateTime(), nullable=False),
        sa.Column("sent_count", sa.Integer(), nullable=False),
        sa.Column("suppressed_count", sa.Integer(), nullable=False),
        sa.Column("detail", sa.Unicode(1000), nullable=True),
        sa.PrimaryKeyConstraint("alert_key"),
    )
    op.create_table(
        "exception_history",
        sa.Column(
            "history_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("exception_id", sa.Unicode(16), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.Unicode(200), nullable=False),
        sa.Column("event", sa.Unicode(30), nullable=False),
        sa.Column("from_state", sa.Unicode(10), nullable=True),
        sa.Column("to_state", sa.Unicode(10), nullable=False),
        sa.Column("reason", sa.Unicode(1000), nullable=True),
        sa.PrimaryKeyConstraint("history_id"),
    )
    op.create_index("ix_exception_history_id", "exception_history", ["exception_id", "history_id"], unique=False)
    op.create_table(
        "exceptions",
        sa.Column("exception_id", sa.Unicode(16), nullable=False),
        sa.Column("problem_key", sa.Unicode(400), nullable=False),
        sa.Column("billing_day", sa.Date(), nullable=False),
        sa.Column("rule_code", sa.Unicode(40), nullable=False),
        sa.Column("severity", sa.Unicode(12), nullable=False),
        sa.Column("nmi", sa.Unicode(20), nullable=True),
        sa.Column("nmi_suffix", sa.Unicode(10), nullable=True),
        sa.Column("contract_id", sa.Unicode(10), nullable=True),
        sa.Column("first_market_date", sa.Date(), nullable=True),
        sa.Column("last_market_date", sa.Date(), nullable=True),
        sa.Column("detail", sa.Unicode(2000), nullable=True),
        sa.Column("state", sa.Unicode(10), nullable=False),
        sa.Column("state_reason", sa.Unicode(1000), nullable=True),
        sa.Column("state_actor", sa.Unicode(200), nullable=True),
        sa.Column("state_at", UtcDateTime(), nullable=False),
        sa.Column("detected_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("exception_id"),
    )
    op.create_index("ix_exceptions_day", "exceptions", ["billing_day", "rule_code"], unique=False)
    op.create_index("ix_exceptions_state", "exceptions", ["state", "rule_code"], unique=False)
    op.create_table(
        "leases",
        sa.Column("lease_name", sa.Unicode(100), nullable=False),
        sa.Column("holder", sa.Unicode(300), nullable=False),
        sa.Column("acquired_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("lease_name"),
    )
    op.create_table(
        "load_history",
        sa.Column(
            "history_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("reading_key", sa.Unicode(60), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.Unicode(200), nullable=False),
        sa.Column("event", sa.Unicode(30), nullable=False),
        sa.Column("from_state", sa.Unicode(20), nullable=True),
        sa.Column("to_state", sa.Unicode(20), nullable=False),
        sa.Column("reading_result", sa.Unicode(40), nullable=True),
        sa.Column("batch_id", sa.Unicode(36), nullable=True),
        sa.Column("message", sa.Unicode(1000), nullable=True),
        sa.PrimaryKeyConstraint("history_id"),
    )
    op.create_index("ix_load_history_key", "load_history", ["reading_key", "history_id"], unique=False)
    op.create_table(
        "load_readings",
        sa.Column("reading_key", sa.Unicode(60), nullable=False),
        sa.Column("meter_reading_order_id", sa.Unicode(20), nullable=True),
        sa.Column("billing_day", sa.Date(), nullable=False),
        sa.Column("contract_id", sa.Unicode(10), nullable=True),
        sa.Column("nmi", sa.Unicode(11), nullable=True),
        sa.Column("device_id", sa.Unicode(18), nullable=False),
        sa.Column("register_id", sa.Unicode(3), nullable=False),
        sa.Column("reading_date", sa.Date(), nullable=False),
        sa.Column("meter_reading_reason", sa.Unicode(2), nullable=False),
        sa.Column("meter_reading_category", sa.Unicode(2), nullable=False),
        sa.Column("unit", sa.Unicode(5), nullable=True),
        sa.Column("reading_result", sa.Unicode(40), nullable=False),
        sa.Column("unrounded_reading", sa.Unicode(60), nullable=False),
        sa.Column("usage_kwh", sa.Unicode(60), nullable=True),
        sa.Column("content_hash", sa.Unicode(64), nullable=False),
        sa.Column("wanted_reading_result", sa.Unicode(40), nullable=True),
        sa.Column("wanted_unrounded_reading", sa.Unicode(60), nullable=True),
        sa.Column("wanted_content_hash", sa.Unicode(64), nullable=True),
        sa.Column("is_held", sa.Integer(), nullable=False),
        sa.Column("hold_reason", sa.Unicode(400), nullable=True),
        sa.Column("state", sa.Unicode(20), nullable=False),
        sa.Column("is_billed", sa.Integer(), nullable=False),
        sa.Column("sap_document_id", sa.Unicode(20), nullable=True),
        sa.Column("sap_status_code", sa.Unicode(4), nullable=True),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("plan_run_id", sa.Unicode(64), nullable=False),
        sa.Column("batch_id", sa.Unicode(36), nullable=True),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("message", sa.Unicode(1000), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("reading_key"),
    )
    op.create_index("ix_load_readings_batch", "load_readings", ["batch_id"], unique=False)
    op.create_index("ix_load_readings_day_state", "load_readings", ["billing_day", "state"], unique=False)
    op.create_index("ix_load_readings_plan", "load_readings", ["plan_run_id", "state"], unique=False)
    op.create_index(
        "ix_load_readings_register", "load_readings", ["device_id", "register_id", "reading_date"], unique=False
    )
    op.create_table(
        "run_log",
        sa.Column("run_id", sa.Unicode(64), nullable=False),
        sa.Column("kind", sa.Unicode(40), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=True),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("actor", sa.Unicode(200), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.Unicode(20), nullable=True),
        sa.Column("detail", sa.Unicode(1000), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "kind"),
    )
    if op.get_bind().dialect.name == "sqlite":
        _make_history_append_only()


def _make_history_append_only() -> None:
    """SQLite has no grants; on a server the loader's user gets no right to update or delete these tables."""
    for table in HISTORY_TABLES:
        for action in ("update", "delete"):
            op.execute(
                f"create trigger {table}_no_{action} before {action} on {table} "
                f"begin select raise(abort, '{table} is append-only'); end"
            )


def downgrade() -> None:
    """Drop every table."""
    op.drop_table("run_log")
    op.drop_table("alerts_sent")
    op.drop_table("leases")
    op.drop_table("exception_history")
    op.drop_table("exceptions")
    op.drop_table("load_history")
    op.drop_table("load_readings")
