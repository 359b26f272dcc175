"""Indices from which the head of the queue and its numbers are read.

Revision: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WAITS = sa.text("waiting_minute IS NOT NULL")
HELD = sa.text("holder IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "ix_conversations_waiting",
        "conversations",
        ["urgency", "waiting_minute", "id", "holder"],
        unique=False,
        sqlite_where=WAITS,
        postgresql_where=WAITS,
    )
    op.create_index(
        "ix_conversations_held",
        "conversations",
        ["holder"],
        unique=False,
        sqlite_where=HELD,
        postgresql_where=HELD,
    )
    op.create_index("ix_conversations_state", "conversations", ["state"], unique=False)


def downgrade() -> None:
    for name in ("state", "held", "waiting"):
        op.drop_index(f"ix_conversations_{name}", table_name="conversations")
