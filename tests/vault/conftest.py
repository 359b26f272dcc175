"""A database for each storage test, made by the migrations: on SQLite and on PostgreSQL.

Tests that ask for `path` are about the SQLite file and run on it alone.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tests.postgres.server import Server
from vault.engine import Database
from vault.engine_postgres import PostgresWriter
from vault.engine_sqlite import SqliteWriter
from vault.postgres_server import server_of
from vault.schema import migrate

KINDS = ("sqlite", "postgres")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "kind" in metafunc.fixturenames:
        kinds = KINDS[:1] if "path" in metafunc.fixturenames else KINDS
        metafunc.parametrize("kind", kinds)


def sqlite(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "database" / "havenline.sqlite3"
    if not path.exists():
        migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a database that is made and not opened."""
    return sqlite(tmp_path)


@pytest.fixture
def url(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    if kind == "sqlite":
        return f"sqlite:///{sqlite(tmp_path)}"
    return request.getfixturevalue("postgres").emptied()


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """Opened as the owner; `tests/postgres/test_roles.py` has what each process may do."""
    database = await Database.open(url)
    yield database
    await database.close()


@pytest.fixture(scope="module")  # tests of other modules cut all connections there are
def owner(postgres: Server) -> Iterator[PostgresWriter]:
    """One connection for all tests of a module that commit nothing."""
    with closing(PostgresWriter(server_of(postgres.emptied()), None)) as session:
        yield session


@pytest.fixture
def c(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Connection]:
    """A connection as work gets it, inside a transaction that is never committed."""
    if kind == "postgres":
        request.getfixturevalue("postgres").emptied()
        session = request.getfixturevalue("owner")
    else:
        session = SqliteWriter(sqlite(tmp_path))
    session.begin()
    yield session.connection
    session.rollback()
    if kind == "sqlite":
        session.close()
