"""What `vault.engine` asks of a database, and what goes wrong with one.

Each kind of database does it in its own way: `vault.engine_sqlite`, `vault.engine_postgres`.
"""

from __future__ import annotations

import asyncio
import select
import threading
from collections.abc import Callable
from typing import Literal, Protocol

from sqlalchemy import Connection

Process = Literal["web", "desk", "courier", "caretaker"]
"""Who opens the database. PostgreSQL gives each a role of its own; SQLite knows no difference."""


class DatabaseFailed(Exception):
    """The database did not do it; nothing of this piece of work is stored."""


class DatabaseBusy(DatabaseFailed):
    """Others held the database for too long; nothing is stored, try again."""


class DatabaseFull(DatabaseFailed):
    """The disk is full; nothing is stored until there is room."""


class Session(Protocol):
    """One connection, as one thread uses it.

    SQLAlchemy runs the statements; where transactions begin and end is said here.
    """

    @property
    def connection(self) -> Connection:
        """What work gets."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, be it a failed one."""

    @property
    def is_lost(self) -> bool:
        """Whether the connection is gone and a new session is needed."""

    def begin(self) -> None:
        """Become the only writer or, as a reader, see one state. Raises DatabaseBusy."""

    def savepoint(self) -> None:
        """Begin a part of the transaction that may fail alone."""

    def undo(self) -> None:
        """Undo everything since the savepoint."""

    def release(self) -> None:
        """End the part; what it did belongs to the transaction."""

    def commit(self) -> None:
        """Count and commit what was changed, synced; where nothing was, do nothing."""

    def rollback(self) -> None:
        """End the transaction, if one is open, with nothing of it stored."""

    def close(self) -> None:
        """Give the connection back."""


class Watch(Protocol):
    """A thread that notices commits of every process and wakes those who listen for them."""

    newest: int
    """The newest number of the changes table; -1 until the first look."""
    listeners: set[asyncio.Event]
    thread: threading.Thread

    def stop(self) -> None:
        """End the thread, and wake the listeners so that they end too."""


class Backend(Protocol):
    """One database of one kind. Everything here blocks: it is called in threads."""

    def check(self) -> None:
        """Refuse what is not there, not as promised, or not of this version's schema."""

    def writer(self) -> Session:
        """A session whose transactions change rows, one writer at a time in all processes."""

    def reader(self) -> Session:
        """A session whose transactions see one state and change none."""

    def watch(self, loop: asyncio.AbstractEventLoop) -> Watch:
        """Start to notice commits, and tell of them in this loop."""

    def checkpoint(self) -> bool:
        """Overwrite what the log still holds of deleted rows, where the database can."""

    def vacuum(self) -> int:
        """Give free pages back to the file system, in short steps; how many."""

    def failure_of(self, error: BaseException) -> BaseException:
        """A DatabaseFailed for what the database said, without its words; else `error`."""


OpenSession = Callable[[], Session]


def rest(seconds: float) -> None:
    """Let this thread rest.

    Not `time.sleep`, which asks for an absolute time: under libfaketime, with which the proofs of
    forgetting turn the clock, that fails at once.
    """
    select.select([], [], [], seconds)
