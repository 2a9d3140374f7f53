"""Messages, confirmations, orders and profiles of the SOAP road into SAP."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from loaders.operational_db import UtcDateTime

revision = "add_sap_messages"
down_revision = "add_read_edits"
branch_labels = None
depends_on = None

_TABLES = ("sap_messages", "sap_confirmations", "sap_orders", "sap_order_answers", "sap_profile_days")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "sap_confirmations",
        sa.Column(
            "confirmation_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("fingerprint", sa.Unicode(length=64), nullable=False),
        sa.Column("message_name", sa.Unicode(length=100), nullable=False),
        sa.Column("own_uuid", sa.Unicode(length=36), nullable=False),
        sa.Column("reference_uuid", sa.Unicode(length=36), nullable=False),
        sa.Column("is_bulk", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.Unicode(length=20), nullable=False),
        sa.Column("result_code", sa.Unicode(length=2), nullable=False),
        sa.Column("severity_code", sa.Unicode(length=1), nullable=False),
        sa.Column("type_ids", sa.Unicode(length=400), nullable=False),
        sa.Column("note", sa.Unicode(length=1000), nullable=False),
        sa.Column("received_count", sa.Integer(), nullable=False),
        sa.Column("first_received_at", UtcDateTime(), nullable=False),
        sa.Column("last_received_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("confirmation_id"),
    )
    op.create_index("ix_sap_confirmations_fingerprint", "sap_confirmations", ["fingerprint"], unique=True)
    op.create_index("ix_sap_confirmations_reference", "sap_confirmations", ["reference_uuid"], unique=False)
    op.create_table(
        "sap_messages",
        sa.Column(
            "message_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("message_uuid", sa.Unicode(length=36), nullable=False),
        sa.Column("bulk_uuid", sa.Unicode(length=36), nullable=False),
        sa.Column("subject_key", sa.Unicode(length=100), nullable=False),
        sa.Column("content_hash", sa.Unicode(length=64), nullable=False),
        sa.Column("written_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("message_id"),
    )
    op.create_index("ix_sap_messages_bulk", "sap_messages", ["bulk_uuid"], unique=False)
    op.create_index("ix_sap_messages_subject", "sap_messages", ["subject_key", "message_id"], unique=False)
    op.create_index("ix_sap_messages_uuid", "sap_messages", ["message_uuid"], unique=False)
    op.create_table(
        "sap_order_answers",
        sa.Column(
            "answer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("request_name", sa.Unicode(length=100), nullable=False),
        sa.Column("bulk_uuid", sa.Unicode(length=36), nullable=False),
        sa.Column("message_uuid", sa.Unicode(length=36), nullable=False),
        sa.Column("order_id", sa.Unicode(length=20), nullable=False),
        sa.Column("result_code", sa.Unicode(length=2), nullable=False),
        sa.Column("note", sa.Unicode(length=200), nullable=False),
        sa.Column("written_at", UtcDateTime(), nullable=False),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("answer_id"),
    )
    op.create_index("ix_sap_order_answers_open", "sap_order_answers", ["sent_at", "bulk_uuid"], unique=False)
    op.create_table(
        "sap_orders",
        sa.Column("order_id", sa.Unicode(length=20), nullable=False),
        sa.Column("state", sa.Unicode(length=10), nullable=False),
        sa.Column("meter_reading_reason", sa.Unicode(length=2), nullable=True),
        sa.Column("scheduled_read_date", sa.Date(), nullable=True),
        sa.Column("device_id", sa.Unicode(length=18), nullable=True),
        sa.Column("task_id", sa.Unicode(length=18), nullable=True),
        sa.Column("obis_code", sa.Unicode(length=25), nullable=True),
        sa.Column("nmi", sa.Unicode(length=50), nullable=True),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("cancelled_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("order_id"),
    )
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


def downgrade() -> None:
    """Drop the tables."""
    for table in _TABLES:
        op.drop_table(table)
