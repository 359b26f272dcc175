"""Other rights on PostgreSQL: on SQLite nothing changes, in either direction."""

import sqlite3

from tests.migrations import migration_0009 as before

fill_before = fill_after = before.fill_after


def check_after(connection: sqlite3.Connection) -> None:
    before.check_after(connection)
    ((client,),) = connection.execute("SELECT outer_client IS NULL FROM conversations")
    assert client in {0, 1}


check_before = check_after
