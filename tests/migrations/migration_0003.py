"""Counters of findings: a table that was not there, and rows of others that stay."""

import sqlite3

from tests.migrations import migration_0001 as first

COUNT = (682, "en.debt.work_off", "en", "dismissed", 3)


def fill_before(connection: sqlite3.Connection) -> None:
    first.fill_after(connection)


def check_after(connection: sqlite3.Connection) -> None:
    """The new table is empty, and nothing else was touched."""
    assert connection.execute("SELECT * FROM indicator_counts").fetchall() == []
    for table in first.ROWS:
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)


def fill_after(connection: sqlite3.Connection) -> None:
    first.fill_after(connection)
    connection.execute("INSERT INTO indicator_counts VALUES (?, ?, ?, ?, ?)", COUNT)


def check_before(connection: sqlite3.Connection) -> None:
    """Going back loses the counters alone."""
    left = "SELECT count(*) FROM sqlite_schema WHERE name = 'indicator_counts'"
    assert connection.execute(left).fetchone() == (0,)
    for table in first.ROWS:
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)
