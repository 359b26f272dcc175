"""The table of what the organisation says of itself; what was there before stays."""

import sqlite3

STAFF = (b"o" * 16, b"o" * 16, b"\x01\x01\x20" + bytes(200))
VERSION = (1, b"o" * 16, b'{"schema":1}', b"s" * 64)


def fill_before(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO staff (id, login_tag, outer_keys) VALUES (?, ?, ?)", STAFF)


def check_after(connection: sqlite3.Connection) -> None:
    assert connection.execute("SELECT id, login_tag, outer_keys FROM staff").fetchall() == [STAFF]
    assert connection.execute("SELECT count(*) FROM organisation").fetchone() == (0,)


def fill_after(connection: sqlite3.Connection) -> None:
    fill_before(connection)
    connection.execute("INSERT INTO organisation VALUES (?, ?, ?, ?)", VERSION)


def check_before(connection: sqlite3.Connection) -> None:
    """Going back loses the versions and nothing else."""
    assert connection.execute("SELECT id, login_tag, outer_keys FROM staff").fetchall() == [STAFF]
    found = "SELECT count(*) FROM sqlite_schema WHERE name = 'organisation'"
    assert connection.execute(found).fetchone() == (0,)
