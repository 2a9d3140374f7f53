"""Plans of a load as they were shown, and what people decided about loading: released, paused, resumed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from loaders.operational_db import UtcDateTime

revision = "add_load_plans_and_decisions"
down_revision = "create_operational_tables"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "load_plans",
        sa.Column("number", number, autoincrement=True, nullable=False),
        sa.Column("plan_id", sa.Unicode(64), nullable=False),
        sa.Column("plan_hash", sa.Unicode(64), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("planned_at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.Unicode(200), nullable=False),
        sa.Column("shown", sa.UnicodeText(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_load_plans_days", "load_plans", ["last_day", "first_day"], unique=False)
    op.create_table(
        "load_decisions",
        sa.Column("number", number, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.Unicode(200), nullable=False),
        sa.Column("decision", sa.Unicode(10), nullable=False),
        sa.Column("plan_hash", sa.Unicode(64), nullable=True),
        sa.Column("billing_day", sa.Date(), nullable=True),
        sa.Column("reason", sa.Unicode(1000), nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_load_decisions_plan", "load_decisions", ["plan_hash", "decision"], unique=False)


def downgrade() -> None:
    """Drop both tables."""
    op.drop_table("load_decisions")
    op.drop_table("load_plans")
