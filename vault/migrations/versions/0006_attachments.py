"""Attachments: sealed chunks, and which message they came with.

Revision: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
COUNTS = "(1, 2, 4, 8, 16, 32, 64, 128, 160)"


def _of(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["conversation"],
        ["conversations.id"],
        name=f"fk_{table}_conversation",
        ondelete="CASCADE",
    )


def upgrade() -> None:
    op.create_table(
        "attachments",
        sa.Column("row", WHOLE, autoincrement=False, nullable=False),
        sa.Column("id", sa.LargeBinary(length=16), nullable=False),
        sa.Column("conversation", sa.LargeBinary(length=16), nullable=False),
        sa.Column("message", sa.LargeBinary(length=16), nullable=True),
        sa.Column("chunks", WHOLE, nullable=False),
        sa.Column("hour", WHOLE, nullable=False),
        sa.CheckConstraint("length(id) = 16", name="id"),
        sa.CheckConstraint("message IS NULL OR length(message) = 16", name="message"),
        sa.CheckConstraint(f"chunks IN {COUNTS}", name="chunks"),
        _of("attachments"),
        sa.PrimaryKeyConstraint("row", name="pk_attachments"),
        sa.UniqueConstraint("id", name="uq_attachments_id"),
    )
    op.create_index("ix_attachments_conversation", "attachments", ["conversation"])
    op.create_table(
        "attachment_chunks",
        sa.Column("attachment", sa.LargeBinary(length=16), nullable=False),
        sa.Column("number", WHOLE, autoincrement=False, nullable=False),
        sa.Column("conversation", sa.LargeBinary(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("length(sealed) = 65555", name="size"),
        sa.CheckConstraint("number >= 0", name="number"),
        sa.ForeignKeyConstraint(
            ["attachment"],
            ["attachments.id"],
            name="fk_attachment_chunks_attachment",
            ondelete="CASCADE",
        ),
        _of("attachment_chunks"),
        sa.PrimaryKeyConstraint("attachment", "number", name="pk_attachment_chunks"),
    )
    op.create_index("ix_attachment_chunks_conversation", "attachment_chunks", ["conversation"])


def downgrade() -> None:
    op.drop_table("attachment_chunks")
    op.drop_table("attachments")
