"""Making and upgrading the tables in PostgreSQL, and giving each process its rights.

The owner does it, in one transaction: DDL is undone there like everything else, so an upgrade
that is killed has changed nothing. The backup before an upgrade is `havenline upgrade`'s.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from vault import schema, tables
from vault.backend import DatabaseFailed
from vault.engine_postgres import schema_of
from vault.postgres_roles import grants
from vault.postgres_server import Server, connect, failure_of, server_of

_LOCK = "SELECT pg_advisory_xact_lock(5278)"  # two upgrades at once: the second finds it done
_FOREIGN = (
    "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
)


def migrate(url: str, *, upgrade: bool = True) -> schema.Migrated:
    """Make the tables if they are missing, or bring them to this version's schema.

    Where nothing is to be done, the owner is not needed: a process's own role sees that.
    Raises DatabaseFailed, with the database as it was.
    """
    server = server_of(url)
    with contextlib.suppress(DatabaseFailed):
        if found_schema(server) == tables.SCHEMA:
            return schema.Migrated(tables.SCHEMA, tables.SCHEMA)
    with contextlib.closing(connect(server, None)) as raw:
        before = schema_of(raw)
        if before is None and (raw.execute(_FOREIGN).fetchone() or (0,))[0]:
            raise DatabaseFailed("there are other tables in this database: give Havenline its own")
    if before is not None and not upgrade and before < tables.SCHEMA:
        raise DatabaseFailed(
            f"it was made by an older version (schema {before}, this one needs {tables.SCHEMA}): "
            "run `havenline upgrade FILE`, which writes a backup to FILE first"
        )
    if before is not None and before > tables.SCHEMA:
        raise DatabaseFailed(
            "the database was made by a newer version of Havenline: install that version, "
            "or restore a backup made by this one"
        )
    try:
        to_revision(server, tables.SCHEMA)
    except DatabaseFailed:
        raise
    except Exception as error:  # noqa: BLE001  # a migration may raise anything
        raise DatabaseFailed(
            f"the upgrade failed ({type(error).__name__}) and nothing was changed: report this"
        ) from None
    return schema.Migrated(before, tables.SCHEMA)


def found_schema(server: Server) -> str | None:
    """The schema that is there, as a process sees it. Raises DatabaseFailed."""
    with contextlib.closing(connect(server, "caretaker")) as raw:
        return schema_of(raw)


def older_schema(url: str) -> str | None:
    """The schema of tables that an older version made; None for others. Raises DatabaseFailed."""
    with contextlib.closing(connect(server_of(url), None)) as raw:
        found = schema_of(raw)
    return found if found is not None and found < tables.SCHEMA else None


def to_revision(server: Server, revision: str) -> None:
    """Go to one revision, up or down ("base": no tables), in one transaction, as the owner."""
    with _transaction(server) as connection:
        schema.run_migrations(connection, revision, _schema_in(connection))
        if revision == tables.SCHEMA:
            for statement in grants(server.owner):
                connection.exec_driver_sql(statement)


def grant_anew(server: Server) -> None:
    """Give every process its rights again, after a restore has made the tables anew."""
    with _transaction(server) as connection:
        for statement in grants(server.owner):
            connection.exec_driver_sql(statement)


@contextlib.contextmanager
def _transaction(server: Server) -> Iterator[Connection]:
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(server, None),
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        use_native_hstore=False,
        hide_parameters=True,
    )
    with engine.connect() as connection:
        raw = connection.connection
        try:
            raw.cursor().execute("BEGIN")
            raw.cursor().execute(_LOCK)
            yield connection
            raw.cursor().execute("COMMIT")
        except psycopg.Error as error:
            raise failure_of(error) from None
        finally:
            # Nothing is open after the commit; a broken connection has ended it already.
            with contextlib.suppress(psycopg.Error):
                raw.cursor().execute("ROLLBACK")


def _schema_in(connection: Connection) -> str | None:
    raw = connection.connection.driver_connection
    return schema_of(raw) if isinstance(raw, psycopg.Connection) else None
