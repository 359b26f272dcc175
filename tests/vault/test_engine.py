"""The database: settings, what work may do, group commit, other processes, wake-ups."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from tests.vault.rows import (
    NOW,
    first_contact,
    from_client,
    new_conversation,
    occurrences,
    sealed,
)
from vault import changes, conversations, engine, engine_sqlite, messages, meta
from vault.engine import Database, DatabaseBusy, DatabaseFailed, DatabaseFull
from vault.sqlite_file import Role, connect, failure_of, settings_of

ROOT = Path(__file__).parents[2]
CANARY = b"canary-7d1f-never-in-an-error"


async def count(database: Database) -> int:
    return len(await database.read(conversations.queue))


# --- the file and its settings --------------------------------------------------------------


@pytest.mark.parametrize("role", Role)
def test_every_connection_is_set_as_promised(path, role):
    connection = connect(path, role)
    found = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in settings_of(role)}
    connection.close()
    assert found["secure_delete"] == 1
    assert found["journal_mode"] == "wal"
    assert found["synchronous"] == 2
    assert found["auto_vacuum"] == 2
    assert found["temp_store"] == 2
    assert found["trusted_schema"] == 0
    assert found["cell_size_check"] == 1
    assert found["journal_size_limit"] == 0
    assert found["foreign_keys"] == (0 if role is Role.MIGRATION else 1)
    assert found["query_only"] == (1 if role is Role.READER else 0)


def test_a_setting_that_does_not_take_is_refused(tmp_path):
    foreign = tmp_path / "foreign.sqlite3"
    with sqlite3.connect(foreign) as made:
        made.execute("CREATE TABLE t (x)")  # auto_vacuum cannot be set any more
    made.close()
    with pytest.raises(DatabaseFailed, match="auto_vacuum"):
        connect(foreign, Role.WRITER)


def test_opening_a_connection_writes_nothing(path):
    watching = connect(path, Role.UPKEEP)
    version = watching.execute("PRAGMA data_version").fetchone()
    holder = connect(path, Role.WRITER)
    holder.execute("BEGIN IMMEDIATE")
    for role in Role:
        connect(path, role).close()
    holder.execute("ROLLBACK")
    holder.close()
    assert watching.execute("PRAGMA data_version").fetchone() == version
    watching.close()


async def test_files_are_for_this_account_alone(path, database):
    await database.write(first_contact(new_conversation()))
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert len(modes) == 4
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("place", ["file", "folder"])
async def test_a_database_open_to_other_accounts_is_refused(path, url, place):
    opened = path if place == "file" else path.parent
    opened.chmod(0o705)
    with pytest.raises(DatabaseFailed, match="chmod"):
        await Database.open(url)


async def test_a_missing_database_is_not_made(tmp_path):
    with pytest.raises(DatabaseFailed, match="havenline up"):
        await Database.open(f"sqlite:///{tmp_path}/nothing.sqlite3")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("found", "said"), [("0000", "earlier"), ("9999", "newer"), (None, "earlier")]
)
async def test_another_schema_is_refused(path, url, found, said):
    connection = connect(path, Role.MIGRATION)
    if found is None:
        connection.execute("DROP TABLE alembic_version")
    else:
        connection.execute("UPDATE alembic_version SET version_num = ?", (found,))
    connection.close()
    with pytest.raises(DatabaseFailed, match=said):
        await Database.open(url)


@pytest.mark.parametrize("named", ["mysql://host/db", "sqlite://", "sqlite:///:memory:", "?"])
async def test_a_url_that_names_no_sqlite_file_is_refused(named):
    with pytest.raises(DatabaseFailed, match="sqlite:////path/to/file"):
        await Database.open(named)


# --- what work may do -----------------------------------------------------------------------

FORBIDDEN = [
    "ATTACH DATABASE ':memory:' AS other",
    "DROP TABLE messages",
    "CREATE TABLE copy AS SELECT * FROM messages",
    "CREATE TEMP TABLE copy AS SELECT * FROM messages",
    "CREATE INDEX i ON messages (hour)",
    "CREATE VIRTUAL TABLE f USING fts5(x)",
    "CREATE TRIGGER t AFTER INSERT ON messages BEGIN SELECT 1; END",
    "ALTER TABLE messages ADD COLUMN x",
    "PRAGMA secure_delete = OFF",
    "PRAGMA secure_delete",
    "PRAGMA query_only = OFF",
    "PRAGMA writable_schema = ON",
    "VACUUM INTO 'copy.sqlite3'",
    "REINDEX",
    "ANALYZE",
    "DELETE FROM sqlite_schema",
    "UPDATE alembic_version SET version_num = '9999'",
    "SELECT load_extension('x')",
    "SELECT writefile('x', 'y')",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
async def test_work_changes_neither_schema_nor_settings(path, database, statement):
    assert path.exists()
    for run in (database.write, database.read):
        with pytest.raises(DatabaseFailed):
            await run(lambda c: c.exec_driver_sql(statement))
    assert await count(database) == 0


async def test_a_reader_cannot_write(database):
    with pytest.raises(DatabaseFailed):
        await database.read(first_contact(new_conversation()))
    assert await count(database) == 0


async def test_what_goes_wrong_never_shows_a_value(database):
    broken = new_conversation(outer_team=CANARY, tag=CANARY)
    with pytest.raises(DatabaseFailed) as caught:
        await database.write(first_contact(broken))
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "SQLITE_CONSTRAINT" in shown or "CheckViolation" in shown
    assert CANARY.decode() not in shown


def test_sealed_things_do_not_show_in_repr():
    new = new_conversation(outer_team=CANARY)
    message = from_client(new.id, envelope=sealed(1, CANARY))
    assert CANARY.decode() not in repr(new) + repr(message)


# --- group commit ---------------------------------------------------------------------------


async def test_what_waits_together_shares_a_commit(database):
    before = (await database.read(meta.get)).commit_counter
    await asyncio.gather(*(database.write(first_contact(new_conversation())) for _ in range(200)))
    after = (await database.read(meta.get)).commit_counter
    assert await count(database) == 200
    assert 200 / engine.BATCH <= after - before < 100


async def test_at_most_a_batch_shares_a_commit(database):
    before = (await database.read(meta.get)).commit_counter
    await asyncio.gather(*(database.write(first_contact(new_conversation())) for _ in range(640)))
    assert (await database.read(meta.get)).commit_counter - before >= 10


async def test_one_bad_piece_fails_alone(database):
    good = [new_conversation() for _ in range(40)]
    twice = from_client(good[0].id, envelope=b"too short to be an envelope")

    def fails_late(c):
        conversations.create(c, new_conversation())
        raise KeyError("after it has already written")

    results = await asyncio.gather(
        *(database.write(first_contact(new)) for new in good[:20]),
        database.write(lambda c: messages.add(c, twice)),
        database.write(fails_late),
        database.write(first_contact(new_conversation(epoch=0))),
        *(database.write(first_contact(new)) for new in good[20:]),
        return_exceptions=True,
    )
    failed = [each for each in results if isinstance(each, BaseException)]
    assert [type(each) for each in failed] == [messages.NotAnEnvelope, KeyError, DatabaseFailed]
    assert await count(database) == 40


async def test_work_that_ends_the_shared_transaction_is_refused(database):
    with pytest.raises(DatabaseFailed, match="ended the transaction"):
        await database.write(lambda c: c.exec_driver_sql("COMMIT"))
    await database.write(first_contact(new_conversation()))
    assert await count(database) == 1


async def test_an_answer_means_that_it_is_stored(database, path):
    new = new_conversation()
    await database.write(first_contact(new))
    other = sqlite3.connect(path)
    found = other.execute("SELECT id FROM conversations").fetchall()
    other.close()
    assert found == [(new.id,)]


async def test_what_changes_nothing_is_no_commit(database):
    before = (await database.read(meta.get)).commit_counter
    claim = await database.write(lambda c: conversations.claim(c, b"x" * 16, b"y" * 16, NOW))
    assert not claim.won
    assert (await database.read(meta.get)).commit_counter == before


async def test_a_piece_nobody_waits_for_does_not_hold_up_the_others(database):
    waiting = [asyncio.create_task(database.write(first_contact(new_conversation())))]
    await asyncio.sleep(0)
    waiting[0].cancel()
    assert await database.write(first_contact(new_conversation())) == conversations.STEP
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]


async def test_closing_finishes_what_waits(url):
    database = await Database.open(url)
    tasks = [
        asyncio.create_task(database.write(first_contact(new_conversation()))) for _ in range(100)
    ]
    await asyncio.sleep(0)
    await database.close()
    await database.close()
    await asyncio.gather(*tasks)
    with pytest.raises(DatabaseFailed, match="closed"):
        await database.write(meta.get)
    database = await Database.open(url)
    assert await count(database) == 100
    await database.close()


async def test_a_full_disk_is_said_and_nothing_of_it_is_stored(path, url, monkeypatch):
    assert path.exists()

    def connect_to_a_full_disk(path, role):
        connection = connect(path, role)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 4}")
        return connection

    monkeypatch.setattr(engine_sqlite, "connect", connect_to_a_full_disk)
    database = await Database.open(url)
    results = await asyncio.gather(
        *(database.write(first_contact(new_conversation())) for _ in range(64)),
        return_exceptions=True,
    )
    stored = await count(database)
    assert DatabaseFull in {type(each) for each in results}
    assert stored == sum(each == conversations.STEP for each in results)
    assert await database.write(lambda c: conversations.claim(c, b"x" * 16, b"y" * 16, 1))
    await database.close()


# --- other processes ------------------------------------------------------------------------


async def test_a_database_held_for_too_long_is_said_to_be_busy(path, database, monkeypatch):
    monkeypatch.setattr(engine_sqlite, "BUSY_SECONDS", 0.02)
    holder = connect(path, Role.WRITER)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseBusy, match="try again"):
        await database.write(first_contact(new_conversation()))
    holder.execute("ROLLBACK")
    holder.close()
    await database.write(first_contact(new_conversation()))
    assert await count(database) == 1


def test_busy_and_full_are_told_apart():
    busy, full = sqlite3.OperationalError("x"), sqlite3.OperationalError("x")
    busy.sqlite_errorcode, full.sqlite_errorcode = sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL
    assert type(failure_of(busy)) is DatabaseBusy
    assert type(failure_of(full)) is DatabaseFull
    other = ValueError("not the database's")
    assert failure_of(other) is other


WRITERS = """
import asyncio, sys
from tests.vault.rows import first_contact, new_conversation
from vault.engine import Database

async def main(url):
    database = await Database.open(url)
    async def writer():
        for _ in range(25):
            await database.write(first_contact(new_conversation()))
    await asyncio.gather(*(writer() for _ in range(8)))
    await database.close()

asyncio.run(main(sys.argv[1]))
"""


async def four_processes_write(url, database):
    children = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITERS, url, cwd=ROOT, stderr=subprocess.PIPE
        )
        for _ in range(4)
    ]
    ended = await asyncio.gather(*(child.communicate() for child in children))
    assert [said for _, said in ended] == [b"", b"", b"", b""]
    assert await count(database) == 4 * 8 * 25


async def test_four_processes_write_and_no_lock_surfaces(path, url, database):
    assert path.exists()
    await four_processes_write(url, database)


@pytest.mark.long
async def test_four_processes_write_to_either_database(url, database):
    await four_processes_write(url, database)


KILLED = Path(__file__).with_name("killed_writer.py")


def test_kill_9_loses_nothing_that_was_acknowledged(path, url):
    ended = subprocess.run(
        [sys.executable, str(KILLED), url, "100"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    acknowledged = {bytes.fromhex(line) for line in ended.stdout.split()}
    connection = connect(path, Role.READER)
    stored = {row[0] for row in connection.execute("SELECT id FROM conversations")}
    messages_of = {row[0] for row in connection.execute("SELECT conversation FROM messages")}
    whole = connection.execute("PRAGMA integrity_check").fetchall()
    connection.close()
    assert len(acknowledged) > 100
    assert acknowledged <= stored
    assert stored == messages_of
    assert whole == [("ok",)]


# --- wake-ups -------------------------------------------------------------------------------


async def test_commits_wake_whoever_listens(database):
    listening = database.changes(after=0)
    await database.write(first_contact(new_conversation()))
    assert await anext(listening) == 1
    second = asyncio.create_task(anext(listening))
    await asyncio.sleep(0)
    await database.write(first_contact(new_conversation()))
    assert await second == 2
    assert [each.what for each in await database.read(lambda c: changes.since(c, 0))] == [
        "new",
        "new",
    ]
    await listening.aclose()


async def test_commits_of_another_process_wake_too(database, url):
    listening = database.changes(after=0)
    waiting = asyncio.create_task(anext(listening))
    code = WRITERS.replace("range(25)", "range(1)").replace("range(8)", "range(1)")
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, url, cwd=ROOT)
    assert await waiting == 1
    assert await child.wait() == 0
    await listening.aclose()


async def test_listening_resumes_behind_a_number(database):
    for _ in range(3):
        await database.write(first_contact(new_conversation()))
    behind = database.changes(after=2)
    assert await anext(behind) == 3
    await behind.aclose()


async def test_closing_ends_whoever_listens(url):
    database = await Database.open(url)

    async def listen():
        return [number async for number in database.changes(after=0)]

    listening = [asyncio.create_task(listen()) for _ in range(3)]
    await asyncio.sleep(0.1)
    await database.close()
    assert await asyncio.gather(*listening) == [[], [], []]


# --- checkpoint and vacuum ------------------------------------------------------------------


async def test_a_checkpoint_says_whether_a_reader_was_in_the_way(path, database):
    await database.write(first_contact(new_conversation()))
    reader = connect(path, Role.READER)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM messages").fetchall()
    await database.write(first_contact(new_conversation()))
    assert await database.checkpoint() is False
    reader.execute("ROLLBACK")
    reader.close()
    assert await database.checkpoint() is True
    assert path.with_name(path.name + "-wal").stat().st_size == 0


async def test_opening_empties_the_log_that_a_crash_left(path, url):
    database = await Database.open(url)
    new = new_conversation()
    await database.write(first_contact(new, from_client(new.id, envelope=sealed(1, CANARY))))
    await database.write(lambda c: conversations.delete(c, [new.id]))
    left = path.parent.parent / "left"
    left.mkdir(mode=0o700)
    for each in path.parent.iterdir():  # what a crash at this moment leaves on the disk
        (left / each.name).write_bytes(each.read_bytes())
        (left / each.name).chmod(0o600)
    await database.close()
    assert occurrences(left / path.name, CANARY) > 0
    crashed = await Database.open(f"sqlite:///{left / path.name}")
    assert occurrences(left / path.name, CANARY) == 0
    await crashed.close()


async def test_vacuum_gives_many_pages_back_in_one_commit(path, monkeypatch):
    rested = []
    monkeypatch.setattr(engine_sqlite, "rest", rested.append)
    database = await Database.open(f"sqlite:///{path}")
    many = [new_conversation() for _ in range(1000)]
    await asyncio.gather(*(database.write(first_contact(new)) for new in many))
    await database.write(lambda c: conversations.delete(c, [new.id for new in many]))
    pages = await database.vacuum()
    assert pages > engine_sqlite.VACUUM_PAGES
    assert len(rested) <= pages // engine_sqlite.VACUUM_PAGES + 1
    await database.close()


async def test_vacuum_gives_pages_back(path, database):
    many = [new_conversation() for _ in range(300)]
    for new in many:
        message = from_client(new.id, envelope=sealed(1, size=8192))
        await database.write(first_contact(new, message))
    await database.write(lambda c: conversations.delete(c, [new.id for new in many]))
    await database.checkpoint()
    before = path.stat().st_size
    assert await database.vacuum() > engine_sqlite.VACUUM_PAGES
    assert await database.checkpoint() is True
    assert path.stat().st_size < before / 4
