"""People's edits of reads."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from loaders.operational_db import UtcDateTime

revision = "add_read_edits"
down_revision = "add_load_plans_and_decisions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "read_edits",
        sa.Column("edit_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("kind", sa.Unicode(10), nullable=False),
        sa.Column("nmi", sa.Unicode(20), nullable=False),
        sa.Column("nmi_suffix", sa.Unicode(10), nullable=False),
        sa.Column("market_date", sa.Date(), nullable=False),
        sa.Column("values_text", sa.UnicodeText(), nullable=True),
        sa.Column("billing_day", sa.Date(), nullable=False),
        sa.Column("version_text", sa.Unicode(14), nullable=False),
        sa.Column("made_by", sa.Unicode(200), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.Unicode(1000), nullable=False),
        sa.Column("withdrawn_by", sa.Unicode(200), nullable=True),
        sa.Column("withdrawn_at", UtcDateTime(), nullable=True),
        sa.Column("withdrawn_reason", sa.Unicode(1000), nullable=True),
        sa.PrimaryKeyConstraint("edit_id"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("read_edits")
