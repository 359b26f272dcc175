"""When PostgreSQL's autovacuum comes: on SQLite nothing changes, in either direction."""

import sqlite3

from tests.migrations import migration_0006 as before

THERE = "SELECT name, sql FROM sqlite_schema WHERE name LIKE '%conversations%' ORDER BY name"

fill_before = fill_after = before.fill_after


def check_after(connection: sqlite3.Connection) -> None:
    assert len(connection.execute(THERE).fetchall()) > 1
    for table in before.MADE:
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)


check_before = check_after
