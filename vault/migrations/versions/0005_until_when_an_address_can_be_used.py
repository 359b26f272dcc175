"""Until when a messenger address can be used, for the desk to say so before somebody writes.

Revision: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("addresses", sa.Column("until_hour", WHOLE, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("addresses") as table:
        table.drop_column("until_hour")
