"""SAP's own ids of the messages its orders came in, since it may know its messages by id and not by UUID."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "add_sap_order_message_ids"
down_revision = "add_sap_orders"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("sap_order_answers", sa.Column("bulk_id", sa.Unicode(length=35), nullable=True))
    op.add_column("sap_order_answers", sa.Column("message_id", sa.Unicode(length=35), nullable=True))


def downgrade() -> None:
    """Take the columns away."""
    op.drop_column("sap_order_answers", "message_id")
    op.drop_column("sap_order_answers", "bulk_id")
