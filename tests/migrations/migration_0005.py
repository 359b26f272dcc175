"""Until when an address can be used: a column that was not there, and rows that stay."""

import sqlite3

from tests.migrations import migration_0001 as first
from tests.migrations import migration_0004 as before

UNTIL = 495_000


def fill_before(connection: sqlite3.Connection) -> None:
    before.fill_after(connection)


def check_after(connection: sqlite3.Connection) -> None:
    """Of an address that was there nobody knows it yet, and nothing else was touched."""
    found = connection.execute("SELECT outer_address, until_hour FROM addresses").fetchall()
    assert found == [(first.OUTER, None)]
    _same(connection)


def fill_after(connection: sqlite3.Connection) -> None:
    before.fill_after(connection)
    connection.execute("UPDATE addresses SET until_hour = ?", (UNTIL,))


def check_before(connection: sqlite3.Connection) -> None:
    """Going back loses the hour alone."""
    names = [row[1] for row in connection.execute("PRAGMA table_info(addresses)")]
    assert "until_hour" not in names
    _same(connection)


def _same(connection: sqlite3.Connection) -> None:
    for table in first.ROWS:
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)
    assert connection.execute("SELECT count(*) FROM indicator_counts").fetchone() == (1,)
