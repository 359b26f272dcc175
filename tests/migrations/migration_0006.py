"""Attachments: two tables that were not there, and rows of others that stay."""

import sqlite3

from tests.migrations import migration_0001 as first

ATTACHMENT = {
    "row": 1,
    "id": b"a" * 16,
    "conversation": first.ID,
    "message": first.ID,
    "chunks": 1,
    "hour": 1,
}
CHUNK = {
    "attachment": b"a" * 16,
    "number": 0,
    "conversation": first.ID,
    "sealed": b"\x01\x01\x60" + bytes(65_552),
}
MADE = {"attachments": ATTACHMENT, "attachment_chunks": CHUNK}


def fill_before(connection: sqlite3.Connection) -> None:
    first.fill_after(connection)


def check_after(connection: sqlite3.Connection) -> None:
    """The new tables are empty, and nothing else was touched."""
    for table in MADE:
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    for table in first.ROWS:
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)


def fill_after(connection: sqlite3.Connection) -> None:
    first.fill_after(connection)
    for table, row in MADE.items():
        marks = ", ".join("?" for _ in row)
        names = ", ".join(f'"{name}"' for name in row)
        connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", [*row.values()])


def check_before(connection: sqlite3.Connection) -> None:
    """Going back loses the attachments alone."""
    for table in MADE:
        left = "SELECT count(*) FROM sqlite_schema WHERE name = ?"
        assert connection.execute(left, (table,)).fetchone() == (0,)
    for table in first.ROWS:
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)
