"""Indices: no row changes, in either direction."""

import sqlite3

from tests.migrations import migration_0003 as before

INDICES = {"ix_conversations_waiting", "ix_conversations_held", "ix_conversations_state"}
THERE = "SELECT name FROM sqlite_schema WHERE type = 'index' AND name LIKE 'ix_conversations%'"

fill_before = fill_after = before.fill_after


def check_after(connection: sqlite3.Connection) -> None:
    assert {name for (name,) in connection.execute(THERE)} == INDICES
    _nothing_else(connection)


def check_before(connection: sqlite3.Connection) -> None:
    assert connection.execute(THERE).fetchall() == []
    _nothing_else(connection)


def _nothing_else(connection: sqlite3.Connection) -> None:
    assert connection.execute("SELECT * FROM indicator_counts").fetchall() == [before.COUNT]
    assert connection.execute("SELECT count(*) FROM conversations").fetchone() == (1,)
