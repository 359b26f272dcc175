"""Counters of what counsellors decided about findings.

Revision: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "indicator_counts",
        sa.Column("month", WHOLE, autoincrement=False, nullable=False),
        sa.Column("rule", sa.String(length=80), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("count", WHOLE, nullable=False),
        sa.CheckConstraint("month BETWEEN 0 AND 9999", name="month"),
        sa.CheckConstraint("length(rule) BETWEEN 1 AND 80", name="rule"),
        sa.CheckConstraint("length(language) BETWEEN 2 AND 16", name="language"),
        sa.CheckConstraint("verdict IN ('agreed', 'dismissed', 'added')", name="verdict"),
        sa.CheckConstraint("count > 0", name="count"),
        sa.PrimaryKeyConstraint("month", "rule", "language", "verdict", name="pk_indicator_counts"),
    )


def downgrade() -> None:
    op.drop_table("indicator_counts")
