"""What Alembic runs: migrations on the connection that `vault.schema` hands in.

`vault.schema` begins and ends the transaction, so that an upgrade happens whole or not at all.
"""

from __future__ import annotations

from alembic import context

from vault.columns import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
context.run_migrations()
