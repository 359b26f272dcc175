"""The first tables: nothing before them, one row in every table after them."""

import sqlite3

ID, OTHER, OUTER = b"i" * 16, b"o" * 16, b"\x01\x01\x20" + bytes(200)
ENVELOPE = b"\x01\x01\x01" + bytes(560)

_CONVERSATION = (
    "id, slot, tag, channel, language, state, urgency, urgency_by, waiting_minute, created_hour, "
    "due_hour, latest_hour, epoch, last_number, read_up_to, answered, outer_team"
)
ROWS = {
    "conversations": (
        _CONVERSATION,
        (ID, 1, ID, "web", "de", "waiting", 1, "screened", 5, 1, 2, 3, 1, 1024, 0, 0, OUTER),
    ),
    "messages": (
        "conversation, id, number, kind, direction, hour, envelope",
        (ID, ID, 1024, 1, 1, 1, ENVELOPE),
    ),
    "drafts": ("conversation, staff, hour, envelope", (ID, OTHER, 1, ENVELOPE)),
    "outbox": (
        "message, conversation, slot, tag, channel, epoch, state, tries, hour, outer_item",
        (ID, ID, 1, ID, "signal", 1, "waiting", 0, 1, OUTER),
    ),
    "inbox": ("transport, conversation, hour", (ID * 2, ID, 1)),
    "addresses": (
        "conversation, channel, slot, tag, outer_address",
        (ID, "signal", 2, ID, OUTER),
    ),
    "staff": ("id, login_tag, outer_keys", (OTHER, OTHER, OUTER)),
    "changes": ("conversation, what", (ID, "new")),
}


def fill_before(connection: sqlite3.Connection) -> None:
    """There is nothing before the first migration."""


def check_after(connection: sqlite3.Connection) -> None:
    """An upgrade made the one row of meta and no other."""
    assert connection.execute("SELECT * FROM meta").fetchall() == [(1, None, 0, 0, 0)]
    for table in ROWS:
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def fill_after(connection: sqlite3.Connection) -> None:
    for table, (names, values) in ROWS.items():
        marks = ", ".join("?" for _ in values)
        connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)


def check_before(connection: sqlite3.Connection) -> None:
    """Going back leaves no table, and so no row."""
    left = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'alembic_version'"
    assert connection.execute(left).fetchall() == []
