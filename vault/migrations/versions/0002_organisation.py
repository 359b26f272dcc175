"""What the organisation says of itself, signed by its admins.

Revision: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "organisation",
        sa.Column("number", WHOLE, autoincrement=False, nullable=False),
        sa.Column("signer", sa.LargeBinary(length=16), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(length=64), nullable=False),
        sa.CheckConstraint("number >= 1", name="number"),
        sa.CheckConstraint("length(signer) = 16 AND length(signature) = 64", name="signed"),
        sa.CheckConstraint("length(body) BETWEEN 2 AND 32768", name="body"),
        sa.PrimaryKeyConstraint("number", name="pk_organisation"),
    )


def downgrade() -> None:
    op.drop_table("organisation")
