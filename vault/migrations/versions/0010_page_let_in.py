"""PostgreSQL: the desk may store what lets a page go on with a chat's conversation.

Revision: 0010
"""

from __future__ import annotations

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change no table: after the last migration every process is given its rights anew."""


def downgrade() -> None:
    """Change no table; see `upgrade`."""
