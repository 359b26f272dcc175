"""The adversary at PostgreSQL: every row that ever stood there, and the whole write-ahead log."""

import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

from tests.flows.stack import Stack, a_stack
from tests.flows.test_forgetting import Vandal
from tests.postgres import wal
from tests.postgres.server import Server, psql, running, short_lived
from vault import postgres_roles

DATABASE = "havenline"
ARCHIVING = """
wal_level = replica
archive_mode = on
archive_command = 'cp %p {folder}/wal/%f'
"""
_TABLES = """
CREATE TABLE IF NOT EXISTS conversations (id, epoch, outer_team, outer_client,
    UNIQUE (id, outer_team, outer_client));
CREATE TABLE IF NOT EXISTS messages (conversation, envelope, kind, UNIQUE (conversation, envelope));
"""


def archive_in(folder: Path) -> str:
    """Settings of a server that keeps its log in a folder for good, beside its files."""
    (folder / "wal").mkdir()
    (folder / "wal").chmod(0o777)
    return ARCHIVING.format(folder=folder)


def looted(server: Server, copy: Path) -> Path:
    """What an adversary reads out of a server, put to what the file already holds."""
    with server.as_superuser(DATABASE) as raw, closing(sqlite3.connect(copy)) as file:
        file.executescript(_TABLES)
        rows = raw.execute("SELECT id, epoch, outer_team, outer_client FROM conversations")
        file.executemany("INSERT OR IGNORE INTO conversations VALUES (?, ?, ?, ?)", rows.fetchall())
        rows = raw.execute("SELECT conversation, envelope, kind FROM messages")
        file.executemany("INSERT OR IGNORE INTO messages VALUES (?, ?, ?)", rows.fetchall())
        file.commit()
    return copy


class PostgresVandal(Vandal):
    """Keeps what it ever read, and carves the rest out of the log."""

    def __init__(self, stack: Stack, folder: Path, server: Server) -> None:
        super().__init__(stack, folder)
        assert server.folder is not None
        self.server = server
        self.logs = (server.folder / "wal", server.folder / "data" / "pg_wal")
        self.read, self.carved = folder / "read.sqlite3", folder / "carved.sqlite3"

    def copy_database(self, _number: int) -> None:
        self.loot.databases = [looted(self.server, self.read), self.carved]

    def opens(self) -> dict[bytes, list[str]]:
        self.carved.unlink(missing_ok=True)
        wal.carve(self.logs, self.carved)
        return super().opens()

    def never_in_the_log(self) -> tuple[set[wal.Row], int]:
        """Wraps and messages read out of the server and not in its log; and how many were read."""
        asked = (
            "SELECT id, outer_team FROM conversations",
            "SELECT conversation, envelope FROM messages WHERE kind = 1",
        )
        read, carved = (self._rows(file, asked) for file in (self.read, self.carved))
        return read - carved, len(read)

    def _rows(self, path: Path, asked: tuple[str, ...]) -> set[wal.Row]:
        with closing(sqlite3.connect(path)) as file:
            return {row for one in asked for row in file.execute(one)}


@contextmanager
def archiving() -> Iterator[Server]:
    """A server that keeps its log for good, with the roles and no tables."""
    folder = short_lived()
    try:
        with running(folder, more=archive_in(folder)) as server:
            psql(server.superuser, postgres_roles.script("havenline", DATABASE))
            yield server
    finally:
        shutil.rmtree(folder)


@asynccontextmanager
async def a_stack_on(server: Server) -> AsyncIterator[Stack]:
    """A started stack whose database is there."""
    async with a_stack(more=f'[data]\ndatabase_url = "{server.url(DATABASE)}"\n') as stack:
        yield stack
