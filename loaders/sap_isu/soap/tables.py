"""Tables of the operational database for the SOAP road: messages sent, confirmations and orders received.

What belongs here: the tables. What stays out: their use (``outbox``, ``inbox``, ``orders``).
"""

from __future__ import annotations

import sqlalchemy as sa

from loaders.operational_db import UtcDateTime, metadata

_RUNNING_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")

# One row per message in a bulk sent to SAP: what a confirmation, which may come to another process, is tied to.
sap_messages = sa.Table(
    "sap_messages",
    metadata,
    sa.Column("message_id", _RUNNING_NUMBER, primary_key=True, autoincrement=True),
    sa.Column("message_uuid", sa.Unicode(36), nullable=False),
    sa.Column("bulk_uuid", sa.Unicode(36), nullable=False),
    sa.Column("subject_key", sa.Unicode(100), nullable=False),
    sa.Column("content_hash", sa.Unicode(64), nullable=False),
    sa.Column("written_at", UtcDateTime, nullable=False),
    sa.Index("ix_sap_messages_subject", "subject_key", "message_id"),
    sa.Index("ix_sap_messages_uuid", "message_uuid"),
    sa.Index("ix_sap_messages_bulk", "bulk_uuid"),
)

# As received, also those that are about no message of ours; the same one again only counts up.
sap_confirmations = sa.Table(
    "sap_confirmations",
    metadata,
    sa.Column("confirmation_id", _RUNNING_NUMBER, primary_key=True, autoincrement=True),
    sa.Column("fingerprint", sa.Unicode(64), nullable=False),
    sa.Column("message_name", sa.Unicode(100), nullable=False),
    sa.Column("own_uuid", sa.Unicode(36), nullable=False),
    sa.Column("reference_uuid", sa.Unicode(36), nullable=False),
    sa.Column("is_bulk", sa.Integer, nullable=False),
    sa.Column("document_id", sa.Unicode(20), nullable=False),
    sa.Column("result_code", sa.Unicode(2), nullable=False),
    sa.Column("severity_code", sa.Unicode(1), nullable=False),
    sa.Column("type_ids", sa.Unicode(400), nullable=False),
    sa.Column("note", sa.Unicode(1000), nullable=False),
    sa.Column("received_count", sa.Integer, nullable=False),
    sa.Column("first_received_at", UtcDateTime, nullable=False),
    sa.Column("last_received_at", UtcDateTime, nullable=False),
    sa.Index("ix_sap_confirmations_fingerprint", "fingerprint", unique=True),
    sa.Index("ix_sap_confirmations_reference", "reference_uuid"),
)

# Orders that SAP sends; cancelled ones stay.
sap_orders = sa.Table(
    "sap_orders",
    metadata,
    sa.Column("order_id", sa.Unicode(20), primary_key=True),
    sa.Column("state", sa.Unicode(10), nullable=False),
    sa.Column("meter_reading_reason", sa.Unicode(2)),
    sa.Column("scheduled_read_date", sa.Date),
    sa.Column("device_id", sa.Unicode(18)),
    sa.Column("task_id", sa.Unicode(18)),
    sa.Column("obis_code", sa.Unicode(25)),
    sa.Column("nmi", sa.Unicode(50)),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("cancelled_at", UtcDateTime),
    # What SAP said of the register before, asked once: later SAP would name the very reading that answers the order.
    sa.Column("previous_reading", sa.Unicode(40)),
    sa.Column("previous_read_date", sa.Date),
    sa.Column("changed_at", UtcDateTime),
    sa.Index("ix_sap_orders_changed", "changed_at"),
)

# What SAP is told of each order that it sent; without sent_at it is still to be told. The answers to one bulk go in one
# confirmation, which keeps its UUID however often it is sent.
sap_order_answers = sa.Table(
    "sap_order_answers",
    metadata,
    sa.Column("answer_id", _RUNNING_NUMBER, primary_key=True, autoincrement=True),
    sa.Column("request_name", sa.Unicode(100), nullable=False),
    sa.Column("bulk_uuid", sa.Unicode(36), nullable=False),
    sa.Column("bulk_id", sa.Unicode(35)),
    sa.Column("message_uuid", sa.Unicode(36), nullable=False),
    sa.Column("message_id", sa.Unicode(35)),
    sa.Column("order_id", sa.Unicode(20), nullable=False),
    sa.Column("result_code", sa.Unicode(2), nullable=False),
    sa.Column("note", sa.Unicode(200), nullable=False),
    sa.Column("written_at", UtcDateTime, nullable=False),
    sa.Column("sent_at", UtcDateTime),
    sa.Column("confirmation_uuid", sa.Unicode(36)),
    sa.Index("ix_sap_order_answers_open", "sent_at", "bulk_uuid"),
)

# What EDM is to have of a channel's day, what it was last sent and what it has confirmed, so that only intervals that
# differ are sent.
sap_profile_days = sa.Table(
    "sap_profile_days",
    metadata,
    sa.Column("profile_number", sa.Unicode(18), primary_key=True),
    sa.Column("market_date", sa.Date, primary_key=True),
    sa.Column("nmi", sa.Unicode(20), nullable=False),
    sa.Column("nmi_suffix", sa.Unicode(10), nullable=False),
    sa.Column("interval_minutes", sa.Integer, nullable=False),
    sa.Column("wanted_values", sa.UnicodeText, nullable=False),
    sa.Column("wanted_hash", sa.Unicode(64), nullable=False),
    sa.Column("sent_values", sa.UnicodeText),
    sa.Column("confirmed_values", sa.UnicodeText),
    sa.Column("state", sa.Unicode(10), nullable=False),
    sa.Column("attempt_count", sa.Integer, nullable=False),
    sa.Column("message", sa.Unicode(1000)),
    sa.Column("sent_at", UtcDateTime),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Index("ix_sap_profile_days_state", "state", "profile_number", "market_date"),
)
