"""The database as the processes see it: asynchronous outside, one writer thread inside.

Theory of operation
-------------------
1.  `write` hands a piece of work to the one writer thread. What waits together, at most BATCH
    pieces, shares one transaction and one synced commit; a piece returns after the commit that
    contains it. Each runs under its own savepoint and fails alone.
2.  `read` runs on one of a few reader threads in a short transaction. A reader sees one state of
    the database and holds no writer up, but must fetch all it wants before it returns: while it
    runs, deleted rows cannot be cleared away.
3.  Several processes write the same database, one at a time. Who waits for longer than the
    backend's patience fails with DatabaseBusy.
4.  Connections that run work may read and change rows and nothing else.
5.  The same storage functions run on SQLite (`vault.engine_sqlite`) and on PostgreSQL
    (`vault.engine_postgres`); what differs is behind `vault.backend`.

Errors never carry parameters: every value is bound, and what the database says is not repeated.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from vault.backend import (
    Backend,
    DatabaseBusy,
    DatabaseFailed,
    DatabaseFull,
    OpenSession,
    Process,
    Session,
    Watch,
)
from vault.engine_sqlite import SqliteBackend
from vault.sqlite_file import path_of

__all__ = ["BATCH", "Connection", "Database", "DatabaseBusy", "DatabaseFailed", "DatabaseFull"]

T = TypeVar("T")

BATCH: Final = 64
"""At most so many pieces of work share a commit."""

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

    def __init__(self, backend: Backend, loop: asyncio.AbstractEventLoop) -> None:
        self._backend = backend
        self._loop = loop
        self._writing: SimpleQueue[_Piece | None] = SimpleQueue()
        self._reading: SimpleQueue[_Piece | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._readers = 0
        self._watch: Watch | None = None
        self._closed = False

    @staticmethod
    async def open(url: str, process: Process | None = None, *, readers: int = 2) -> Database:
        """Open an existing database of this version's schema and start its threads.

        `process` says who opens it: on PostgreSQL, with whose rights; None: as the owner, for the
        operator's own commands.
        Raises DatabaseFailed: no database, open to other accounts, a setting that does not take,
        a schema that is older (`havenline up` upgrades it) or newer.
        """
        backend = backend_for(url, process)
        await asyncio.to_thread(backend.check)
        database = Database(backend, asyncio.get_running_loop())
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

        Commits of every process are noticed, on SQLite within about 50 ms. Ends at `close`.
        """
        if self._watch is None:
            self._watch = self._backend.watch(self._loop)
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
        """Overwrite what the log still holds of deleted rows, where the database can.

        On SQLite: move everything from the write-ahead log into the file and empty the log. True
        when nothing was left; False where a reader or writer was in the way for 100 ms: then what
        was deleted may still be readable in the files, and it must be tried again.
        PostgreSQL cannot, and answers True: there shredding is the deletion (docs/operations.md).
        """
        return await asyncio.to_thread(self._backend.checkpoint)

    async def vacuum(self) -> int:
        """Give free pages back to the file system, in short steps; how many.

        On PostgreSQL autovacuum does it, and 0 is answered; see `engine_postgres` for the owner.
        """
        return await asyncio.to_thread(self._backend.vacuum)

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
        backend = self._backend
        writer = _Worker(backend, backend.writer, self._writing, BATCH, _write)
        ready = [self._launch("database-writer", writer)]
        for number in range(readers):
            reader = _Worker(backend, backend.reader, self._reading, 1, _read)
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


def backend_for(url: str, process: Process | None) -> Backend:
    """The database that this URL names; raises DatabaseFailed where it names none."""
    if not url.startswith("postgresql"):
        return SqliteBackend(path_of(url))
    # libpq with its TLS is 10 MB in memory: who uses SQLite does not load it.
    from vault.engine_postgres import PostgresBackend  # noqa: PLC0415  # as said above
    from vault.postgres_server import server_of  # noqa: PLC0415  # as said above

    return PostgresBackend(server_of(url), process)


# --- threads --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Worker:
    """What one thread does: take pieces from a line, `most` at a time, until the line ends."""

    backend: Backend
    open: OpenSession
    line: SimpleQueue[_Piece | None]
    most: int
    do: Callable[[list[_Piece], Session, Backend], None]

    def serve(self, loop: asyncio.AbstractEventLoop, ready: Future[None]) -> None:
        try:
            session = self.open()
        except Exception as error:  # noqa: BLE001  # told to whoever opens the database
            ready.set_exception(self.backend.failure_of(error))
            return
        ready.set_result(None)
        while pieces := self._take():
            try:
                session = self._begun(session)
                self.do(pieces, session, self.backend)
            except Exception as error:  # noqa: BLE001  # told to everybody who waits for it
                _fail(pieces, self.backend.failure_of(error))
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(_deliver, pieces)
            del pieces  # a text in them would stay in memory until somebody else writes
        session.close()

    def _begun(self, session: Session) -> Session:
        """A session with a transaction begun; a new one where its connection has broken.

        Nothing was done in it yet, so nobody need hear of it.
        """
        if not session.is_lost:
            try:
                session.begin()
            except DatabaseFailed:
                if not session.is_lost:
                    raise
            else:
                return session
        session.close()
        session = self.open()
        session.begin()
        return session

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


def _read(pieces: list[_Piece], session: Session, backend: Backend) -> None:
    """Run a piece in the transaction that was begun, which ends with it."""
    (piece,) = pieces
    try:
        piece.result = piece.work(session.connection)
    except Exception as error:  # noqa: BLE001  # raised again where the piece is awaited
        piece.error = backend.failure_of(error)
    finally:
        session.rollback()


def _write(pieces: list[_Piece], session: Session, backend: Backend) -> None:
    """Run what was taken together in the transaction that was begun, and commit it."""
    try:
        for piece in pieces:
            if not piece.waiter.cancelled():
                _run_under_savepoint(piece, session, backend)
        session.commit()
    except Exception as error:  # noqa: BLE001  # told to everybody who waits for this commit
        _fail(pieces, backend.failure_of(error))
    finally:
        session.rollback()


def _run_under_savepoint(piece: _Piece, session: Session, backend: Backend) -> None:
    """Run one piece; raises what it raised where that has ended the whole transaction."""
    session.savepoint()
    try:
        piece.result = piece.work(session.connection)
    except Exception as error:
        if not session.in_transaction:  # a full disk, for one, undoes everything
            raise
        session.undo()
        piece.error = backend.failure_of(error)
    if not session.in_transaction:
        raise DatabaseFailed("work ended the transaction it shares with others; it must not")
    session.release()
