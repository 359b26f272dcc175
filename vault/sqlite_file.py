"""How a connection to the SQLite file is opened, set, asked and restricted.

Everything that is particular to SQLite stands here and in `vault.engine_sqlite`.
Sources: sqlite.org/pragma.html, sqlite.org/c3ref/set_authorizer.html, sqlite.org/rescode.html.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from vault.backend import DatabaseBusy, DatabaseFailed, DatabaseFull

PATIENT_MS: Final = 5000
CHECKPOINT_MS: Final = 100

_OTHERS: Final = 0o007
_PRIMARY: Final = 0xFF  # the low byte of an extended result code


class Role(Enum):
    """What a connection is for."""

    WRITER = "writer"
    """Runs work that changes rows; `vault.engine_sqlite` tries again, it never waits inside."""
    READER = "reader"
    """Runs work that reads."""
    UPKEEP = "upkeep"
    """Vacuums, copies, wake-ups; this and the next two run no work and have no authorizer."""
    CHECKPOINT = "checkpoint"
    """Empties the log, and gives way at once where others are busy."""
    MIGRATION = "migration"
    """Changes the schema, while nothing else runs."""


_BUSY_MS: Final = {
    Role.WRITER: 0,
    Role.READER: PATIENT_MS,
    Role.UPKEEP: PATIENT_MS,
    Role.CHECKPOINT: CHECKPOINT_MS,
    Role.MIGRATION: PATIENT_MS,
}

# auto_vacuum takes effect only before the first table.
_SETTINGS: Final[Mapping[str, tuple[int | str, str]]] = MappingProxyType(
    {
        "auto_vacuum": (2, "INCREMENTAL"),
        "journal_mode": ("wal", "WAL"),
        "synchronous": (2, "FULL"),
        "secure_delete": (1, "ON"),
        "temp_store": (2, "MEMORY"),
        "trusted_schema": (0, "OFF"),
        "cell_size_check": (1, "ON"),
        "journal_size_limit": (0, "0"),
        "wal_autocheckpoint": (1000, "1000"),
    }
)


def path_of(url: str) -> Path:
    """The file that a database URL names; raises DatabaseFailed where it names none."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseFailed("the database URL cannot be read: sqlite:////path/to/file") from None
    if parsed.get_backend_name() != "sqlite" or not parsed.database or ":" in parsed.database[:1]:
        raise DatabaseFailed("the database must be an SQLite file: sqlite:////path/to/file")
    return Path(parsed.database)


def settings_of(role: Role) -> Mapping[str, tuple[int | str, str]]:
    """For each pragma, what it must answer and what it is set to."""
    return {
        **_SETTINGS,
        # Rebuilding a table drops the old one: with foreign keys that would delete its children.
        "foreign_keys": (0, "OFF") if role is Role.MIGRATION else (1, "ON"),
        "query_only": (1, "ON") if role is Role.READER else (0, "OFF"),
        "busy_timeout": (_BUSY_MS[role], str(_BUSY_MS[role])),
    }


def connect(path: Path, role: Role) -> sqlite3.Connection:
    """Open an existing file; raises DatabaseFailed where a setting did not take.

    The connection begins and ends transactions only where it is told to.
    """
    uri = f"file:{quote(str(path.absolute()))}?mode=rw"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=PATIENT_MS / 1000)
    try:
        _set(connection, role)
    except BaseException:
        connection.close()
        raise
    return connection


def _set(connection: sqlite3.Connection, role: Role) -> None:
    """Set what is not as it should be, and ask again.

    Asked first, because setting auto_vacuum writes to the file even where it is set already.
    busy_timeout comes last: until then every connection waits for others patiently.
    """
    for name, (expected, value) in settings_of(role).items():
        if _asked(connection, name) == expected:
            continue
        connection.execute(f"PRAGMA {name} = {value}").fetchall()
        if _asked(connection, name) != expected:
            raise DatabaseFailed(
                f"SQLite refuses the setting {name}: {expected} was asked for; "
                "use Debian's SQLite and a database that Havenline made"
            )


def _asked(connection: sqlite3.Connection, name: str) -> int | str | None:
    row = connection.execute(f"PRAGMA {name}").fetchone()
    return None if row is None else row[0]


def check_place(path: Path) -> None:
    """Refuse a database that is not there or that every account on the machine may touch."""
    if not path.is_file():
        raise DatabaseFailed("there is no database yet: start with `havenline up`")
    for place in (path, path.parent):
        if place.stat().st_mode & _OTHERS:
            raise DatabaseFailed(
                "other accounts on this machine may touch the database: "
                "chmod 0700 its folder and 0600 its files"
            )


def schema_of(connection: sqlite3.Connection) -> str | None:
    """The number of the migration that made the tables, or None where there are none."""
    there = "SELECT count(*) FROM sqlite_schema WHERE name = 'alembic_version'"
    if not connection.execute(there).fetchone()[0]:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


# --- what running connections may do --------------------------------------------------------

_ALLOWED: Final = frozenset(
    {
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_TRANSACTION,
        sqlite3.SQLITE_SAVEPOINT,
    }
)
_CHANGING: Final = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})
_FUNCTIONS: Final = frozenset({"coalesce", "count", "length", "max", "min", "sum"})
_NOT_OURS: Final = ("sqlite_", "alembic_")


def authorize(
    action: int, first: str | None, second: str | None, _base: str | None, _by: str | None
) -> int:
    """SQLite asks this while it prepares a statement: rows yes; files, schema, settings no."""
    if action in _ALLOWED:
        return sqlite3.SQLITE_OK
    if action in _CHANGING and first is not None and not first.startswith(_NOT_OURS):
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and second in _FUNCTIONS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


# --- errors ---------------------------------------------------------------------------------

_BUSY_CODES: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def is_busy(error: BaseException) -> bool:
    """Whether `error` only says that others hold the database."""
    return isinstance(error, sqlite3.Error) and _code(error) in _BUSY_CODES


def failure_of(error: BaseException) -> BaseException:
    """What to tell the caller: a DatabaseFailed for what the database said, without its words.

    The database's own words can hold pieces of statements; only the code's name is kept. What
    is not the database's error is given back as it is.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, sqlite3.Error):
        return error
    if is_busy(cause):
        return DatabaseBusy("the database is held by others: try again in a moment")
    if _code(cause) == sqlite3.SQLITE_FULL:
        return DatabaseFull("the disk is full: make room, then try again")
    name = getattr(cause, "sqlite_errorname", None) or type(cause).__name__
    return DatabaseFailed(f"the database refused it ({name}); nothing of it is stored")


def _code(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0) or 0
    return code & _PRIMARY
