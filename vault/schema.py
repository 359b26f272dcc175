"""Making and upgrading the tables; run before any process opens the database.

An upgrade happens in one transaction, whole or not at all. Before it, a copy is put beside the
database; it is overwritten and deleted when the upgrade has succeeded, and kept when it has not.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.pool import NullPool

from vault import private_files, tables
from vault.backend import DatabaseFailed
from vault.sqlite_file import (
    Role,
    check_place,
    connect,
    failure_of,
    path_of,
    schema_of,
)

_SCRIPTS: Final = Path(__file__).with_name("migrations")
_FOREIGN: Final = "SELECT 1 FROM sqlite_schema WHERE tbl_name <> 'alembic_version'"


@dataclass(frozen=True, slots=True)
class Migrated:
    """The schema before (None where the database was just made) and after."""

    before: str | None
    after: str


def migrate(url: str, *, upgrade: bool = True) -> Migrated:
    """Make the database if it is missing, or bring it to this version's schema.

    Without `upgrade` tables in PostgreSQL that an older version made are refused: no copy is put
    beside them, so `havenline upgrade` writes a backup first.

    Raises DatabaseFailed, with the database as it was: made by a newer version, not Havenline's,
    or the upgrade failed; then the message names the copy made before.
    """
    if url.startswith("postgresql"):
        from vault import schema_postgres  # noqa: PLC0415  # who uses SQLite loads no libpq

        return schema_postgres.migrate(url, upgrade=upgrade)
    path = path_of(url)
    is_new = not path.exists()
    if is_new:
        private_files.make_folder(path.parent)
        private_files.create(path).close()
        private_files.settle(path, path.parent)
    try:
        check_place(path)
        before = _schema_to_upgrade(path)
        if before != tables.SCHEMA:
            _upgrade(path, before)
    except BaseException:
        if is_new:
            path.unlink()
        raise
    return Migrated(before, tables.SCHEMA)


def to_revision(path: Path, revision: str) -> None:
    """Go to one revision, up or down ("base": no tables), in one transaction."""
    with _transaction(path) as connection:
        run_migrations(connection, revision, _schema_in(connection))
        if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
            raise DatabaseFailed("after the migration rows would refer to rows that are not there")


def run_migrations(connection: Connection, revision: str, found: str | None) -> None:
    """Run what leads from the schema that was found to a revision, in the caller's transaction."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    config.attributes["connection"] = connection
    down = revision == "base" or revision < (found or "")
    (command.downgrade if down else command.upgrade)(config, revision)


def _schema_to_upgrade(path: Path) -> str | None:
    try:
        with contextlib.closing(connect(path, Role.UPKEEP)) as raw:
            found = schema_of(raw)
            foreign = found is None and raw.execute(_FOREIGN).fetchone() is not None
    except sqlite3.Error as error:
        raise failure_of(error) from None
    if foreign:
        raise DatabaseFailed("this SQLite file is not a database of Havenline: move it away")
    if found is not None and found > tables.SCHEMA:
        raise DatabaseFailed(
            "the database was made by a newer version of Havenline: install that version, "
            "or restore a backup made by this one"
        )
    return found


def _upgrade(path: Path, before: str | None) -> None:
    if before is None:
        to_revision(path, tables.SCHEMA)
        return
    copy = path.with_name(f"{path.name}-before-{tables.SCHEMA}")
    private_files.remove(copy)
    copy_database(path, copy)
    try:
        to_revision(path, tables.SCHEMA)
    except Exception as error:  # noqa: BLE001  # a migration may raise anything
        raise DatabaseFailed(
            f"the upgrade failed ({type(error).__name__}) and nothing was changed; "
            f"a copy of the database is kept as {copy.name}: report this, then delete it"
        ) from None
    private_files.remove(copy)


def copy_database(path: Path, copy: Path) -> None:
    """Write a copy without free pages and without a log to `copy`, which must not exist.

    VACUUM INTO, because SQLite's backup interface copies what free pages still hold.
    Raises DatabaseFailed; then there is no copy.
    """
    private_files.create(copy).close()
    try:
        with contextlib.closing(connect(path, Role.UPKEEP)) as raw:
            raw.execute("VACUUM INTO ?", (str(copy),))
        with copy.open("r+b") as file:
            private_files.sync(file)
    except sqlite3.Error as error:
        private_files.remove(copy)
        raise failure_of(error) from None
    private_files.sync_folder(copy.parent)


@contextlib.contextmanager
def _transaction(path: Path) -> Iterator[Connection]:
    engine = create_engine(
        "sqlite://",
        creator=lambda: connect(path, Role.MIGRATION),
        poolclass=NullPool,
        hide_parameters=True,
    )
    event.listen(engine, "begin", _begin)
    with engine.begin() as connection:
        yield connection


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _schema_in(connection: Connection) -> str | None:
    raw = connection.connection.driver_connection
    return schema_of(raw) if isinstance(raw, sqlite3.Connection) else None
