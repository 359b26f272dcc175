"""A database for each storage test: a real SQLite file, made by the migrations."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from vault.engine import Database
from vault.engine_sqlite import SqliteWriter
from vault.schema import migrate


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a database that is made and not opened."""
    path = tmp_path / "data" / "database" / "havenline.sqlite3"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = await Database.open(url)
    yield database
    await database.close()


@pytest.fixture
def c(path: Path) -> Iterator[Connection]:
    """A connection as work gets it, inside a transaction that is never committed."""
    session = SqliteWriter(path)
    session.begin()
    yield session.connection
    session.rollback()
    session.close()
