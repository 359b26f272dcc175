"""PostgreSQL: when autovacuum comes to the table that the queue is counted from.

Revision: 0009
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0006"
branch_labels = None
depends_on = None

# A row counts from the index alone only while its page was vacuumed since it changed, and plans
# need numbers that are not of when the table was small. The server's own setting is a fifth of
# the table: 20,000 of 100,000 conversations. Here it is about a hundredth.
SETTINGS = {
    "autovacuum_vacuum_scale_factor": "0.01",
    "autovacuum_vacuum_threshold": "200",
    "autovacuum_vacuum_insert_scale_factor": "0.01",
    "autovacuum_vacuum_insert_threshold": "200",
    "autovacuum_analyze_scale_factor": "0.02",
    "autovacuum_analyze_threshold": "200",
}


def upgrade() -> None:
    told = ", ".join(f"{name} = {value}" for name, value in SETTINGS.items())
    _on_postgres(f"ALTER TABLE conversations SET ({told})")


def downgrade() -> None:
    _on_postgres(f"ALTER TABLE conversations RESET ({', '.join(SETTINGS)})")


def _on_postgres(statement: str) -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(statement)
