"""The database as the processes see it: asynchronous outside, one writer thread inside.

Theory of operation
-------------------
1.  `write` hands a piece of work to the one writer thread. What waits together, at most BATCH
    pieces, shares one transaction and one synced commit; a piece returns after the commit that
    contains it. Each runs under its own savepoint and fails alone.
2.  `read` runs on one of a few reader threads in a short deferred transaction. A reader sees one
    state of the database and holds no writer up, but must fetch all it wants before it returns:
    while it runs, a checkpoint cannot finish.
3.  Several processes write the same file. Who finds it locked tries again every millisecond or
    so; who has just written while others did stands back for a moment, so that nobody starves.
    After BUSY_SECONDS the piece fails with DatabaseBusy.
4.  Every connection is set, and then asked what it is set to (`vault.sqlite_file`). Connections
    that run work may read and change rows and nothing else: an authorizer denies ATTACH, PRAGMA
    and every change of the schema. Checkpoints and vacuums have connections of their own.
5.  Deleted bytes are overwritten (`secure_delete`) but stay readable in the write-ahead log until
    a checkpoint that no reader hinders: `checkpoint` says whether it was one.

Errors never carry parameters: every value is bound, and what the database says is not repeated.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import select
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar, cast

from sqlalchemy import Connection, create_engine, update
from sqlalchemy.pool import NullPool

from vault import tables
from vault.sqlite_file import (
    DatabaseBusy,
    DatabaseFailed,
    DatabaseFull,
    Role,
    authorize,
    check_place,
    connect,
    failure_of,
    is_busy,
    path_of,
    schema_of,
)

__all__ = ["BATCH", "Connection", "Database", "DatabaseBusy", "DatabaseFailed", "DatabaseFull"]

T = TypeVar("T")

BATCH: Final = 64
"""At most so many pieces of work share a commit."""

BUSY_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.05
VACUUM_PAGES: Final = 200
"""Free pages given back in one transaction: 800 KiB, a few milliseconds."""

_STAND_BACK: Final = 0.002
_RETRY: Final = (0.0003, 0.0015)

_COUNT: Final = (
    update(tables.meta)
    .values(commit_counter=tables.meta.c.commit_counter + 1)
    .returning(tables.meta.c.commit_counter)
)
_NEWEST: Final = "SELECT coalesce(max(number), 0) FROM changes"

Work = Callable[[Connection], Any]


@dataclass(slots=True, eq=False)
class _Piece:
    """One piece of work, who waits for it, and what came of it."""

    work: Work
    waiter: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None

    def deliver(self) -> None:
        if self.waiter.done():  # nobody waits any more
            return
        if self.error is None:
            self.waiter.set_result(self.result)
        else:
            self.waiter.set_exception(self.error)


class Database:
    """An opened database. Make one with `Database.open`; it belongs to the loop it was made in."""

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._path = path
        self._loop = loop
        self._writing: SimpleQueue[_Piece | None] = SimpleQueue()
        self._reading: SimpleQueue[_Piece | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._readers = 0
        self._watch: _Watch | None = None
        self._closed = False

    @staticmethod
    async def open(url: str, *, readers: int = 2) -> Database:
        """Open an existing database of this version's schema and start its threads.

        Raises DatabaseFailed: no file, open to other accounts, a setting that does not take, a
        schema that is older (`havenline up` upgrades it) or newer.
        """
        path = path_of(url)
        await asyncio.to_thread(_check, path)
        database = Database(path, asyncio.get_running_loop())
        try:
            await database._start(readers)
        except BaseException:
            await database.close()
            raise
        # A crash leaves deleted bytes in the log; where others are at work, they see to it.
        await database.checkpoint()
        return database

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in the writer thread; its answer comes after the commit that contains it.

        What `work` raises undoes this piece only and is raised here. Raises DatabaseBusy,
        DatabaseFull, DatabaseFailed; then nothing of the piece is stored.
        """
        return await self._put(self._writing, work)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a reader thread, in a transaction that sees one state and changes none."""
        return await self._put(self._reading, work)

    async def changes(self, after: int) -> AsyncIterator[int]:
        """Yield the newest number of the changes table whenever it is greater than the last.

        Commits of every process are noticed within about POLL_SECONDS. Ends at `close`.
        """
        if self._watch is None:
            self._watch = _Watch(self._path, self._loop)
        watch, woken = self._watch, asyncio.Event()
        watch.listeners.add(woken)
        try:
            while not self._closed:
                woken.clear()
                if watch.newest > after:
                    after = watch.newest
                    yield after
                else:
                    await woken.wait()
        finally:
            watch.listeners.discard(woken)

    async def checkpoint(self) -> bool:
        """Move everything from the write-ahead log into the file and empty the log.

        True when nothing was left; False where a reader or writer was in the way for 100 ms:
        then what was deleted may still be readable in the files, and it must be tried again.
        """
        return await asyncio.to_thread(_checkpoint, self._path)

    async def vacuum(self) -> int:
        """Give free pages back to the file system, in short steps; how many."""
        return await asyncio.to_thread(_vacuum, self._path)

    async def close(self) -> None:
        """Finish what waits, then close every connection; again does nothing."""
        if self._closed:
            return
        self._closed = True
        self._writing.put(None)
        for _ in range(self._readers):
            self._reading.put(None)
        if self._watch is not None:
            self._watch.stop()
            self._threads.append(self._watch.thread)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    async def _start(self, readers: int) -> None:
        self._readers = readers
        writer = _Worker(self._path, Role.WRITER, self._writing, BATCH, _Commits().run)
        ready = [self._launch("database-writer", writer)]
        for number in range(readers):
            reader = _Worker(self._path, Role.READER, self._reading, 1, _read)
            ready.append(self._launch(f"database-reader-{number}", reader))
        for one in ready:
            await asyncio.wrap_future(one)

    def _launch(self, name: str, worker: _Worker) -> Future[None]:
        ready: Future[None] = Future()
        thread = threading.Thread(
            target=worker.serve, args=(self._loop, ready), name=name, daemon=True
        )
        thread.start()
        self._threads.append(thread)
        return ready

    async def _put(self, line: SimpleQueue[_Piece | None], work: Callable[[Connection], T]) -> T:
        if self._closed:
            raise DatabaseFailed("the database is closed: this process is stopping")
        waiter: asyncio.Future[T] = self._loop.create_future()
        line.put(_Piece(work, waiter))
        return await waiter


# --- threads --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Session:
    """One connection, as SQLAlchemy sees it and as SQLite does.

    SQLAlchemy runs the statements; where transactions begin and end is said to SQLite itself.
    """

    connection: Connection
    raw: sqlite3.Connection

    @staticmethod
    def open(path: Path, role: Role) -> _Session:
        engine = create_engine(
            "sqlite://",
            creator=lambda: connect(path, role),
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,
        )
        connection = engine.connect()
        raw = cast("sqlite3.Connection", connection.connection.driver_connection)
        # Only now: SQLAlchemy asks a few settings when it connects for the first time.
        raw.set_authorizer(authorize)
        return _Session(connection, raw)

    def close(self) -> None:
        self.raw.set_authorizer(None)
        self.connection.close()

    def rollback(self) -> None:
        if self.raw.in_transaction:
            self.raw.execute("ROLLBACK")


@dataclass(frozen=True, slots=True)
class _Worker:
    """What one thread does: take pieces from a line, `most` at a time, until the line ends."""

    path: Path
    role: Role
    line: SimpleQueue[_Piece | None]
    most: int
    do: Callable[[list[_Piece], _Session], None]

    def serve(self, loop: asyncio.AbstractEventLoop, ready: Future[None]) -> None:
        try:
            session = _Session.open(self.path, self.role)
        except Exception as error:  # noqa: BLE001  # told to whoever opens the database
            ready.set_exception(failure_of(error))
            return
        ready.set_result(None)
        while pieces := self._take():
            try:
                self.do(pieces, session)
            except Exception as error:  # noqa: BLE001  # told to everybody who waits for it
                _fail(pieces, failure_of(error))
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(_deliver, pieces)
        session.close()

    def _take(self) -> list[_Piece]:
        """What waits, at least one piece; nothing at the end of the line."""
        first = self.line.get()
        if first is None:
            return []
        pieces = [first]
        with contextlib.suppress(Empty):
            while len(pieces) < self.most:
                piece = self.line.get_nowait()
                if piece is None:
                    self.line.put(None)
                    break
                pieces.append(piece)
        return pieces


def _deliver(pieces: list[_Piece]) -> None:
    for piece in pieces:
        piece.deliver()


def _fail(pieces: list[_Piece], error: BaseException) -> None:
    for piece in pieces:
        piece.error = piece.error or error


def _read(pieces: list[_Piece], session: _Session) -> None:
    """Run each piece in a deferred transaction, which ends with it."""
    for piece in pieces:
        session.raw.execute("BEGIN DEFERRED")
        try:
            piece.result = piece.work(session.connection)
        except Exception as error:  # noqa: BLE001  # raised again where the piece is awaited
            piece.error = failure_of(error)
        finally:
            session.rollback()


class _Commits:
    """What the writer thread does with the pieces that it took together."""

    def __init__(self) -> None:
        self._counter: int | None = None
        self._others_wrote = False

    def run(self, pieces: list[_Piece], session: _Session) -> None:
        if self._others_wrote:
            _wait(_STAND_BACK)
        _begin(session.raw)
        try:
            self._run_and_commit(pieces, session)
        except Exception as error:  # noqa: BLE001  # told to everybody who waits for this commit
            _fail(pieces, failure_of(error))
        finally:
            session.rollback()

    def _run_and_commit(self, pieces: list[_Piece], session: _Session) -> None:
        raw = session.raw
        before = raw.total_changes
        for piece in pieces:
            if not piece.waiter.cancelled():
                _run_under_savepoint(piece, session)
        if raw.total_changes == before:
            return  # nothing was changed: there is nothing to sync
        counter = session.connection.execute(_COUNT).scalar_one()
        self._others_wrote = self._counter is not None and counter != self._counter + 1
        self._counter = counter
        raw.execute("COMMIT")


def _run_under_savepoint(piece: _Piece, session: _Session) -> None:
    """Run one piece; raises what it raised where that has ended the whole transaction."""
    raw = session.raw
    raw.execute("SAVEPOINT piece")
    try:
        piece.result = piece.work(session.connection)
    except Exception as error:
        if not raw.in_transaction:  # a full disk, for one, undoes everything
            raise
        raw.execute("ROLLBACK TO piece")
        piece.error = failure_of(error)
    if not raw.in_transaction:
        raise DatabaseFailed("work ended the transaction it shares with others; it must not")
    raw.execute("RELEASE piece")


def _begin(raw: sqlite3.Connection) -> None:
    """Become the only writer; raises DatabaseBusy after BUSY_SECONDS."""
    waited = 0.0
    while True:
        try:
            raw.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if not is_busy(error) or waited >= BUSY_SECONDS:
                raise failure_of(error) from None
        else:
            return
        # Not a fixed time: processes that wait must not keep step with each other.
        pause = random.uniform(*_RETRY)  # noqa: S311  # nothing secret depends on it
        _wait(pause)
        waited += pause


def _wait(seconds: float) -> None:
    """Let this thread rest.

    Not `time.sleep`, which asks for an absolute time: under libfaketime, with which the proofs of
    forgetting turn the clock, that fails at once.
    """
    select.select([], [], [], seconds)


class _Watch:
    """A thread that notices commits of every process and wakes those who listen for them."""

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


# --- the file -------------------------------------------------------------------------------


def _check(path: Path) -> None:
    """Refuse a file that is not there, not ours alone, or not of this version's schema."""
    check_place(path)
    with _upkeep(path) as raw:
        found = schema_of(raw)
    if found == tables.SCHEMA:
        return
    if found is None or found < tables.SCHEMA:
        raise DatabaseFailed("the database is of an earlier version: `havenline up` upgrades it")
    raise DatabaseFailed(
        "the database was made by a newer version of Havenline: install that version, "
        "or restore a backup made by this one"
    )


def _checkpoint(path: Path) -> bool:
    try:
        with _upkeep(path, Role.CHECKPOINT) as raw:
            busy: int = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except DatabaseBusy:
        return False
    return busy == 0


def _vacuum(path: Path) -> int:
    with _upkeep(path) as raw:
        before = free = _free_pages(raw)
        while free:
            raw.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()
            _wait(_STAND_BACK)
            left = _free_pages(raw)
            if left >= free:
                break
            free = left
    return before - free


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
