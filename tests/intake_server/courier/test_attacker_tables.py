"""Every column of every table that the courier may read, changed by somebody who writes anything.

Two people have replies waiting while the network is away. One column after the other is swapped
between rows or filled with noise; then the network comes back. Each hears their own reply or none,
once, and nobody hears a word of the attacker's. With the tables of attachments the replies are
files.
"""

import base64
import random
import sqlite3

import pytest

from intake_server.courier import outbound
from tests.intake_server.courier.files import reply_with
from tests.intake_server.courier.test_attacker import MINE, PEOPLE, all_decided
from tests.intake_server.courier.test_outbound import met
from vault.postgres_roles import GRANTS

HOUR = 3600
WORDS = "ATTACKER"
READ = {
    table
    for table, verbs in GRANTS["courier"].items()
    if any(verb.startswith("SELECT") for verb in verbs)
}
PLAYED = ("addresses", "changes", "conversations", "inbox", "messages", "meta", "outbox")
FILES = ("attachment_chunks", "attachments")
EMPTY = {
    "alembic_version",  # the number of the last migration, looked at before the courier starts
    "drafts",  # deleted with their conversation, never read
    "organisation",  # believed by the keeper's pin alone: tests/intake_server/test_organisation.py
}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(outbound, "_LOOK", 0.05)
    monkeypatch.setattr(outbound, "PACE", 0.0)


def test_every_table_that_the_courier_reads_is_played():
    """A new right to read is a new table here, or a reason."""
    assert {*PLAYED, *FILES, *EMPTY} == READ


def swapped(values: list) -> list:
    return values[::-1]


def noise(values: list) -> list:
    drawn = random.Random(len(values))

    def other(value):
        if isinstance(value, bytes):
            return drawn.randbytes(len(value))
        return value + drawn.randint(1, 9) if isinstance(value, int) else WORDS

    return [other(value) for value in values]


class Table:
    """One table, written past the courier's own guarded connections and without any rule."""

    def __init__(self, stage, name: str) -> None:
        (file,) = stage.settings.data.database_dir.glob("*.sqlite3")
        self._db = sqlite3.connect(file, timeout=20, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA ignore_check_constraints = ON")
        self.name = name

    def rows(self) -> list[dict]:
        return [dict(row) for row in self._db.execute(f"SELECT * FROM {self.name}")]

    def put(self, column: str, values: list) -> None:
        """Give each row this value; a row is found by all that stands in its other columns."""
        rows = self.rows()
        others = [name for name in rows[0] if name != column]
        found = " AND ".join(f"{name} IS ?" for name in others)
        for row, value in zip(rows, values, strict=True):
            self._db.execute(
                f"UPDATE OR IGNORE {self.name} SET {column} = ? WHERE {found}",
                (value, *(row[name] for name in others)),
            )

    def empty(self, *names: str) -> None:
        for name in names:
            self._db.execute(f"DELETE FROM {name}")

    def close(self) -> None:
        self._db.close()


async def answers_waiting(stage, loopback, rows) -> None:
    loopback.cut()
    for name in PEOPLE:
        await stage.settled(rows[name], await stage.answer(rows[name], MINE[name]))


async def what_they_heard(stage, loopback, heard) -> int:
    """The network again; how many replies were heard, each by the right person."""
    loopback.restore()
    stage.clock.turn(HOUR)
    await all_decided(stage)
    count = 0
    for name in PEOPLE:
        said = [heard[name].get_nowait() for _ in range(heard[name].qsize())]
        texts = [one["text"] for one in said if "text" in one]
        assert texts in ([], [MINE[name]])
        assert WORDS not in repr(said)
        count += len(texts)
    return count


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", [swapped, noise])
@pytest.mark.parametrize("name", PLAYED)
async def test_no_column_makes_the_courier_say_what_it_should_not(stage, name, how):
    _, loopback, rows, heard = await met(stage, *PEOPLE)
    table = Table(stage, name)
    try:
        await answers_waiting(stage, loopback, rows)
        for column in list(table.rows()[0]):
            before = [row[column] for row in table.rows()]
            table.put(column, noise(before))  # first, where a value may stand but once
            if how is swapped:
                table.put(column, swapped(before))
            await what_they_heard(stage, loopback, heard)
            table.empty("outbox")
            if name != "outbox" and len(table.rows()) == len(before):
                table.put(column, noise(before))
                table.put(column, before)
            await answers_waiting(stage, loopback, rows)
        # As it was before, so that all of this is known to have been heard where it should be.
        assert await what_they_heard(stage, loopback, heard) == len(PEOPLE)
    finally:
        table.close()
    await stage.dismiss_all()


def recording(name: str) -> bytes:
    """Two chunks long, and nobody else's."""
    return b"OggS" + bytes(60) + MINE[name].encode() * 9_000


async def files_waiting(stage, loopback, rows) -> None:
    loopback.cut()
    for name in PEOPLE:
        message, _ = await reply_with(stage, rows[name], recording(name))
        await stage.settled(rows[name], message)


async def what_files_they_heard(stage, loopback, heard) -> int:
    """The network again; how many files were heard, each whole and by the right person."""
    loopback.restore()
    stage.clock.turn(HOUR)
    await all_decided(stage)
    count = 0
    for name in PEOPLE:
        said = [heard[name].get_nowait() for _ in range(heard[name].qsize())]
        assert not [one for one in said if "text" in one]
        files = [base64.b64decode(one["content"]) for one in said if "content" in one]
        assert files in ([], [recording(name)])
        count += len(files)
    return count


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", [swapped, noise])
@pytest.mark.parametrize("name", FILES)
async def test_no_column_makes_the_courier_send_another_file(stage, name, how):
    _, loopback, rows, heard = await met(stage, *PEOPLE)
    table = Table(stage, name)
    try:
        await files_waiting(stage, loopback, rows)
        for column in list(table.rows()[0]):
            before = [row[column] for row in table.rows()]
            table.put(column, noise(before))  # first, where a value may stand but once
            if how is swapped:
                table.put(column, swapped(before))
            await what_files_they_heard(stage, loopback, heard)
            table.empty("outbox", *FILES)
            await files_waiting(stage, loopback, rows)
        # As it was before, so that all of this is known to have been heard where it should be.
        assert await what_files_they_heard(stage, loopback, heard) == len(PEOPLE)
    finally:
        table.close()
    await stage.dismiss_all()
