"""SQLite behind `vault.engine`: one file, which several processes write.

1.  Who wants to write draws a number and waits for all that came before (`vault.writers_line`),
    then for whoever holds the file without one: a checkpoint, a vacuum. After BUSY_SECONDS it is
    DatabaseBusy.
2.  Every connection is set, and then asked what it is set to (`vault.sqlite_file`). On those that
    run work an authorizer denies ATTACH, PRAGMA and every change of the schema. Checkpoints and
    vacuums have connections of their own.
3.  Deleted bytes are overwritten (`secure_delete`) but stay readable in the write-ahead log until
    a checkpoint that no reader hinders: `checkpoint` says whether it was one.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

from sqlalchemy import Connection, create_engine, update
from sqlalchemy.pool import NullPool

from vault import tables
from vault.backend import DatabaseBusy, DatabaseFailed, Session, Watch, rest
from vault.sqlite_file import (
    Role,
    authorize,
    check_place,
    connect,
    failure_of,
    is_busy,
    schema_of,
)
from vault.writers_line import WritersLine

BUSY_SECONDS: Final = 5.0
"""How long a writer waits. With each process writing once in turn that is hundreds of commits; who
waits longer waits for something that is stuck."""
POLL_SECONDS: Final = 0.05
VACUUM_PAGES: Final = 200
"""Free pages given back in one transaction: 800 KiB, a few milliseconds."""

_STAND_BACK: Final = 0.002
_RETRY: Final = 0.0003

_COUNT: Final = update(tables.meta).values(commit_counter=tables.meta.c.commit_counter + 1)
_NEWEST: Final = "SELECT coalesce(max(number), 0) FROM changes"


class SqliteBackend:
    """An SQLite file, as `vault.backend.Backend` describes it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self) -> None:
        """Refuse a file that is not there, not ours alone, or not of this version's schema."""
        check_place(self._path)
        with _upkeep(self._path) as raw:
            found = schema_of(raw)
        if found == tables.SCHEMA:
            return
        if found is None or found < tables.SCHEMA:
            raise DatabaseFailed(
                "the database is of an earlier version: `havenline up` upgrades it"
            )
        raise DatabaseFailed(
            "the database was made by a newer version of Havenline: install that version, "
            "or restore a backup made by this one"
        )

    def writer(self) -> Session:
        """A session that becomes the only writer."""
        return SqliteWriter(self._path)

    def reader(self) -> Session:
        """A session that cannot write (`query_only`)."""
        return SqliteReader(self._path)

    def watch(self, loop: asyncio.AbstractEventLoop) -> Watch:
        """Start to poll the file for commits, about every POLL_SECONDS."""
        return _Watch(self._path, loop)

    def checkpoint(self) -> bool:
        """Empty the log; False where a reader or writer was in the way."""
        try:
            with _upkeep(self._path, Role.CHECKPOINT) as raw:
                busy: int = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except DatabaseBusy:
            return False
        return busy == 0

    def vacuum(self) -> int:
        """Give free pages back, VACUUM_PAGES at a time; how many."""
        with _upkeep(self._path) as raw:
            before = free = _free_pages(raw)
            while free:
                # `execute` steps once through a statement without columns: a page and a commit.
                raw.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
                rest(_STAND_BACK)
                left = _free_pages(raw)
                if left >= free:
                    break
                free = left
        return before - free

    def failure_of(self, error: BaseException) -> BaseException:
        """What to tell the caller (`vault.sqlite_file.failure_of`)."""
        return failure_of(error)


class SqliteReader:
    """One connection, as SQLAlchemy sees it and as SQLite does."""

    role = Role.READER
    is_lost = False

    def __init__(self, path: Path) -> None:
        engine = create_engine(
            "sqlite://",
            creator=lambda: connect(path, self.role),
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,
        )
        self.connection: Connection = engine.connect()
        self.raw = cast("sqlite3.Connection", self.connection.connection.driver_connection)
        # Only now: SQLAlchemy asks a few settings when it connects for the first time.
        self.raw.set_authorizer(authorize)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self.raw.in_transaction

    def begin(self) -> None:
        """See one state from the first statement on."""
        self.raw.execute("BEGIN DEFERRED")

    def savepoint(self) -> None:
        """Begin a part that may fail alone."""
        self.raw.execute("SAVEPOINT piece")

    def undo(self) -> None:
        """Undo the part."""
        self.raw.execute("ROLLBACK TO piece")

    def release(self) -> None:
        """End the part."""
        self.raw.execute("RELEASE piece")

    def commit(self) -> None:
        """End the transaction; a reader has changed nothing."""
        self.rollback()

    def rollback(self) -> None:
        """End the transaction, if one is open."""
        if self.raw.in_transaction:
            self.raw.execute("ROLLBACK")

    def close(self) -> None:
        """Close the connection."""
        self.raw.set_authorizer(None)
        self.connection.close()


class SqliteWriter(SqliteReader):
    """A connection that changes rows, and counts its commits."""

    role = Role.WRITER

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._line = WritersLine(path)
        self._before = 0

    def begin(self) -> None:
        """Become the only writer; raises DatabaseBusy after BUSY_SECONDS."""
        waited = 0.0
        try:
            while not self._line.has_drawn():
                waited = _wait(waited, _RETRY)
            while not self._line.is_first():
                waited = _wait(waited, self._line.pause())
            while not self._begun():
                waited = _wait(waited, _RETRY)
        except BaseException:
            self._line.leave()
            raise
        self._before = self.raw.total_changes

    def _begun(self) -> bool:
        try:
            self.raw.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if not is_busy(error):
                raise failure_of(error) from None
            return False
        return True

    def commit(self) -> None:
        """Count and commit; where nothing was changed there is nothing to sync."""
        if self.raw.total_changes == self._before:
            return
        self.connection.execute(_COUNT)
        self.raw.execute("COMMIT")

    def rollback(self) -> None:
        """End the transaction, if one is open, and let the next writer in."""
        try:
            super().rollback()
        finally:
            self._line.leave()

    def close(self) -> None:
        """Close the connection and leave the line."""
        self._line.close()
        super().close()


def _wait(waited: float, pause: float) -> float:
    """Rest, and tell how long all of it was; raises DatabaseBusy where that is too long."""
    if waited >= BUSY_SECONDS:
        raise DatabaseBusy("the database is held by others: try again in a moment")
    rest(pause)
    return waited + pause


class _Watch:
    """A thread that polls the file for commits of every process."""

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.newest = -1
        self.listeners: set[asyncio.Event] = set()
        self._path = path
        self._loop = loop
        self._stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, name="database-watch", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """End the thread, and wake the listeners so that they end too."""
        self._stopping.set()
        self._wake(self.newest)

    def _run(self) -> None:
        while not self._stopping.is_set():
            # What goes wrong here is tried again at the next look: nobody waits for an answer.
            with contextlib.suppress(sqlite3.Error, DatabaseFailed, RuntimeError):
                self._look()
            self._stopping.wait(POLL_SECONDS)

    def _look(self) -> None:
        """Tell of every commit until the end, from a connection that never writes."""
        with contextlib.closing(connect(self._path, Role.UPKEEP)) as raw:
            seen: int | None = None
            while not self._stopping.is_set():
                version = raw.execute("PRAGMA data_version").fetchone()[0]
                if version != seen:
                    newest = raw.execute(_NEWEST).fetchone()[0]
                    self._loop.call_soon_threadsafe(self._wake, newest)
                    seen = version
                self._stopping.wait(POLL_SECONDS)

    def _wake(self, newest: int) -> None:
        self.newest = newest
        for listener in self.listeners:
            listener.set()


def _free_pages(raw: sqlite3.Connection) -> int:
    pages: int = raw.execute("PRAGMA freelist_count").fetchone()[0]
    return pages


@contextlib.contextmanager
def _upkeep(path: Path, role: Role = Role.UPKEEP) -> Iterator[sqlite3.Connection]:
    """A connection for the file itself; what the database says is raised as DatabaseFailed."""
    try:
        with contextlib.closing(connect(path, role)) as raw:
            yield raw
    except sqlite3.Error as error:
        raise failure_of(error) from None
