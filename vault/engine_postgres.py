"""PostgreSQL behind `vault.engine`.

1.  One writer at a time, as SQLite has: each write transaction takes one advisory lock first and
    gives it back with its commit. So numbers can be "the greatest and one" without gaps, what is
    seen before the commit holds at the commit, and changes are numbered in the order in which
    they are committed. Who waits for longer than `vault.postgres_server.BUSY_SECONDS` gets
    DatabaseBusy.
2.  A reader's transaction is REPEATABLE READ: one state of the database.
3.  With each commit goes a notification; it carries a number and nothing else, and is believed
    for nothing: who is woken looks into the table.
4.  What a process may do is what its role was granted (`vault.postgres_roles`).
5.  A connection that broke is opened anew for the next piece, which need not know. Where it broke
    in the middle the piece fails. During a commit nobody can say whether that happened: the piece
    is told to have failed, and doing it again changes nothing, because the writer's ids are the
    same.
6.  PostgreSQL cannot erase: dead rows stay until they are vacuumed, and WAL keeps everything that
    was ever written. Forgetting is the keeper's: without its shred key a row opens nowhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import threading
from typing import Final, cast

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from vault import tables
from vault.backend import DatabaseFailed, Process, Session, Watch
from vault.postgres_server import Raw, Server, connect, failure_of

CHANNEL: Final = "havenline_changes"

_LOCK: Final = 0x68617665_6E6C696E  # one number that all processes of Havenline know
_BEGIN: Final = f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({_LOCK})"
_BEGIN_READING: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_NEWEST: Final = "SELECT coalesce(max(number), 0) FROM changes"
# Counts and tells only where the transaction has changed something.
_COUNT: Final = f"""
WITH counted AS (
    UPDATE meta SET commit_counter = commit_counter + 1
    WHERE pg_current_xact_id_if_assigned() IS NOT NULL RETURNING commit_counter
)
SELECT pg_notify('{CHANNEL}', ({_NEWEST})::text) FROM counted
"""  # noqa: S608  # made of constants
_THERE: Final = "SELECT to_regclass('public.alembic_version') IS NOT NULL"
_VERSION: Final = "SELECT version_num FROM public.alembic_version"
_OURS: Final = (*tables.CONVERSATION_TABLES, *tables.OPERATION_TABLES)
_VACUUM: Final = f"VACUUM (ANALYZE) {', '.join(table.name for table in _OURS)}"
_LOOK_AGAIN: Final = 30.0
_RECONNECT: Final = 1.0


class PostgresBackend:
    """A database in PostgreSQL (`vault.backend.Backend`), for one process or for the owner."""

    def __init__(self, server: Server, process: Process | None) -> None:
        self._server = server
        self._process = process

    def check(self) -> None:
        """Refuse a database that is not of this version's schema."""
        with contextlib.closing(connect(self._server, self._process)) as raw:
            found = schema_of(raw)
        if found == tables.SCHEMA:
            return
        if found is None:
            raise DatabaseFailed("there are no tables yet: start with `havenline up`")
        if found < tables.SCHEMA:
            raise DatabaseFailed(
                "the database is of an earlier version: `havenline upgrade` brings it to this one"
            )
        raise DatabaseFailed(
            "the database was made by a newer version of Havenline: install that version, "
            "or restore a backup made by this one"
        )

    def writer(self) -> Session:
        """A session that becomes the only writer."""
        return PostgresWriter(self._server, self._process)

    def reader(self) -> Session:
        """A session that cannot write."""
        return PostgresReader(self._server, self._process)

    def watch(self, loop: asyncio.AbstractEventLoop) -> Watch:
        """Start to listen for notifications."""
        return _Watch(self._server, self._process, loop)

    def checkpoint(self) -> bool:
        """Nothing to be done, so True: see rule 6."""
        return True

    def vacuum(self) -> int:
        """As the owner: clear deleted rows away, and count for the planner what is there.

        A process may not; there autovacuum comes by itself, soon (docs/decisions/0032).
        """
        if self._process is None:
            try:
                with contextlib.closing(connect(self._server, None)) as raw:
                    raw.execute(_VACUUM)
            except psycopg.Error as error:
                raise failure_of(error) from None
        return 0

    def failure_of(self, error: BaseException) -> BaseException:
        """What to tell the caller (`vault.postgres_server.failure_of`)."""
        return failure_of(error)


def schema_of(raw: Raw) -> str | None:
    """The number of the migration that made the tables, or None where there are none."""
    try:
        there = raw.execute(_THERE).fetchone()
        if there is None or not there[0]:
            return None
        row = raw.execute(_VERSION).fetchone()
    except psycopg.Error as error:
        raise failure_of(error) from None
    return None if row is None else str(row[0])


class PostgresReader:
    """One connection, as SQLAlchemy sees it and as libpq does."""

    _begin = _BEGIN_READING

    def __init__(self, server: Server, process: Process | None) -> None:
        engine = create_engine(
            "postgresql+psycopg://",
            creator=lambda: connect(server, process),
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            use_native_hstore=False,
            hide_parameters=True,
        )
        self.connection: Connection = engine.connect()
        self.raw = cast("Raw", self.connection.connection.driver_connection)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, be it a failed one."""
        status = self.raw.info.transaction_status
        return status not in (TransactionStatus.IDLE, TransactionStatus.UNKNOWN)

    @property
    def is_lost(self) -> bool:
        """Whether the connection broke."""
        return self.raw.closed

    def begin(self) -> None:
        """Begin as this session does; raises DatabaseBusy, DatabaseFailed."""
        try:
            self.raw.execute(self._begin, prepare=False)
        except psycopg.Error as error:
            self.rollback()
            raise failure_of(error) from None

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
        """End the transaction, if one is open; a broken connection has ended it already."""
        with contextlib.suppress(psycopg.Error):
            if self.in_transaction:
                self.raw.execute("ROLLBACK")

    def close(self) -> None:
        """Close the connection; again does nothing."""
        self.raw.close()
        if not self.connection.closed:
            self.connection.invalidate()
            self.connection.close()


class PostgresWriter(PostgresReader):
    """A connection that changes rows, and counts its commits."""

    _begin = _BEGIN

    def commit(self) -> None:
        """Count, tell and commit; where nothing was changed there is nothing to sync."""
        if self.raw.execute(_COUNT).fetchone() is not None:
            self.raw.execute("COMMIT")


class _Watch:
    """A thread that listens for notifications and wakes those who wait for commits."""

    def __init__(
        self, server: Server, process: Process | None, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.newest = -1
        self.listeners: set[asyncio.Event] = set()
        self._server = server
        self._process = process
        self._loop = loop
        self._noted = False
        self._stopping = threading.Event()
        self._told, self._tell = socket.socketpair()
        self.thread = threading.Thread(target=self._run, name="database-watch", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """End the thread, and wake the listeners so that they end too."""
        self._stopping.set()
        self._tell.close()
        self._wake(self.newest)

    def _run(self) -> None:
        while not self._stopping.is_set():
            # What goes wrong here is tried again: nobody waits for an answer.
            with contextlib.suppress(psycopg.Error, OSError, DatabaseFailed, RuntimeError):
                self._listen()
            self._stopping.wait(_RECONNECT)
        self._told.close()

    def _listen(self) -> None:
        with contextlib.closing(connect(self._server, self._process)) as raw:
            raw.add_notify_handler(self._note)
            raw.execute(f"LISTEN {CHANNEL}")
            while not self._stopping.is_set():
                self._noted = False
                row = raw.execute(_NEWEST).fetchone()
                if row is not None:
                    self._loop.call_soon_threadsafe(self._wake, int(str(row[0])))
                if not self._noted:  # one may have come with the answer
                    self._await(raw)

    def _await(self, raw: Raw) -> None:
        """Wait for a notification, the end, or so long that a dead connection is noticed."""
        select.select([raw.fileno(), self._told.fileno()], [], [], _LOOK_AGAIN)
        raw.pgconn.consume_input()
        while raw.pgconn.notifies() is not None:
            pass

    def _note(self, _notification: psycopg.Notify) -> None:
        self._noted = True

    def _wake(self, newest: int) -> None:
        self.newest = newest
        for listener in self.listeners:
            listener.set()
