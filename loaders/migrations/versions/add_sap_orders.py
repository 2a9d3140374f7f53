"""Orders that come by SOAP reach the warehouse, our confirmations keep their UUID, and profile days are sent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from loaders.operational_db import UtcDateTime

revision = "add_sap_orders"
down_revision = "add_sap_messages"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns; the table of profile days, which nothing has written yet, gets its final form."""
    op.add_column("sap_orders", sa.Column("previous_reading", sa.Unicode(length=40), nullable=True))
    op.add_column("sap_orders", sa.Column("previous_read_date", sa.Date(), nullable=True))
    op.add_column("sap_orders", sa.Column("changed_at", UtcDateTime(), nullable=True))
    op.execute("update sap_orders set changed_at = coalesce(cancelled_at, received_at)")
    op.create_index("ix_sap_orders_changed", "sap_orders", ["changed_at"], unique=False)
    op.add_column("sap_order_answers", sa.Column("confirmation_uuid", sa.Unicode(length=36), nullable=True))
    op.drop_table("sap_profile_days")
    op.create_table(
        "sap_profile_days",
        sa.Column("profile_number", sa.Unicode(length=18), nullable=False),
        sa.Column("market_date", sa.Date(), nullable=False),
        sa.Column("nmi", sa.Unicode(length=20), nullable=False),
        sa.Column("nmi_suffix", sa.Unicode(length=10), nullable=False),
        sa.Column("interval_minutes", sa.Integer(), nullable=False),
        sa.Column("wanted_values", sa.UnicodeText(), nullable=False),
        sa.Column("wanted_hash", sa.Unicode(length=64), nullable=False),
        sa.Column("sent_values", sa.UnicodeText(), nullable=True),
        sa.Column("confirmed_values", sa.UnicodeText(), nullable=True),
        sa.Column("state", sa.Unicode(length=10), nullable=False),
        sa.Column("attempt_count", sa.Integer(), nullable=False),
        sa.Column("message", sa.Unicode(length=1000), nullable=True),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("profile_number", "market_date"),
    )
    op.create_index("ix_sap_profile_days_state", "sap_profile_days", ["state", "profile_number", "market_date"])


def downgrade() -> None:
    """Take the columns away; the table of profile days becomes what it was."""
    op.drop_table("sap_profile_days")
    op.create_table(
        "sap_profile_days",
        sa.Column("profile_number", sa.Unicode(length=18), nullable=False),
        sa.Column("market_date", sa.Date(), nullable=False),
        sa.Column("confirmed_values", sa.UnicodeText(), nullable=True),
        sa.Column("sent_values", sa.UnicodeText(), nullable=True),
        sa.Column("message_uuid", sa.Unicode(length=36), nullable=True),
        sa.Column("state", sa.Unicode(length=10), nullable=False),
        sa.Column("message", sa.Unicode(length=1000), nullable=True),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("profile_number", "market_date"),
    )
    op.create_index("ix_sap_profile_days_state", "sap_profile_days", ["state", "market_date"], unique=False)
    op.drop_column("sap_order_answers", "confirmation_uuid")
    op.drop_index("ix_sap_orders_changed", "sap_orders")
    for column in ("changed_at", "previous_read_date", "previous_reading"):
        op.drop_column("sap_orders", column)
