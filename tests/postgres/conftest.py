"""Databases in PostgreSQL, opened as one process or another."""

from collections.abc import AsyncIterator

import pytest

from tests.postgres.server import Server
from vault.engine import Database


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.emptied()


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = await Database.open(url)
    yield database
    await database.close()
