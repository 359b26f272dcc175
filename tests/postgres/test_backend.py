"""What only PostgreSQL does: a lock for each writer, notifications, connections that break."""

import asyncio
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.vault.rows import first_contact, new_conversation
from vault import changes, conversations, engine_postgres, postgres_server
from vault.engine import Database, DatabaseBusy, DatabaseFailed
from vault.engine_postgres import PostgresWriter
from vault.postgres_server import server_of

ROOT = Path(__file__).parents[2]
CUT = (
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
    "WHERE datname = %s AND pid <> pg_backend_pid()"
)


def cut_every_connection(postgres, url):
    with postgres.as_superuser() as raw:
        raw.execute(CUT, (server_of(url).database,))


async def count(database):
    return len(await database.read(conversations.queue))


async def test_who_waits_too_long_for_the_other_writers_is_told(url, monkeypatch):
    monkeypatch.setattr(
        postgres_server, "_OPTIONS", postgres_server._OPTIONS.replace("5000", "20", 1)
    )
    database = await Database.open(url, "web")
    with closing(PostgresWriter(server_of(url), None)) as holder:
        holder.begin()
        with pytest.raises(DatabaseBusy, match="try again"):
            await database.write(first_contact(new_conversation()))
        holder.rollback()
        await database.write(first_contact(new_conversation()))
    await database.close()


async def test_a_reader_holds_up_no_writer_and_sees_one_state(database):
    seen = []
    go_on, begun = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def read(c):
        seen.append(len(conversations.queue(c)))
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
        seen.append(len(conversations.queue(c)))

    reading = asyncio.create_task(database.read(read))
    await begun.wait()
    await database.write(first_contact(new_conversation()))
    go_on.set()
    await reading
    assert seen == [0, 0]
    assert await count(database) == 1


async def test_a_connection_that_broke_is_opened_anew(postgres, url, database):
    await database.write(first_contact(new_conversation()))
    cut_every_connection(postgres, url)
    for _ in range(3):  # the writer and each reader
        for ask in (database.write, database.read):
            assert await ask(changes.newest) == 1
    await database.write(first_contact(new_conversation()))
    assert await count(database) == 2


async def test_a_connection_that_breaks_in_the_middle_is_told(postgres, url, database):
    def reading(c):
        cut_every_connection(postgres, url)
        changes.newest(c)

    def writing(c):
        conversations.create(c, new_conversation())
        reading(c)

    for ask, work in ((database.write, writing), (database.read, reading)):
        with pytest.raises(DatabaseFailed, match="connection to PostgreSQL broke"):
            await ask(work)
    await database.write(first_contact(new_conversation()))
    assert await count(database) == 1


async def test_who_listens_goes_on_after_a_break(postgres, url, database, monkeypatch):
    monkeypatch.setattr(engine_postgres, "_RECONNECT", 0.01)
    other = await Database.open(url, "desk")
    listening = other.changes(after=0)
    await database.write(first_contact(new_conversation()))
    assert await anext(listening) == 1
    waiting = asyncio.create_task(anext(listening))
    await asyncio.sleep(0)
    with postgres.as_superuser() as raw:
        raw.execute(CUT + " AND usename = 'havenline-desk'", (server_of(url).database,))
    await database.write(first_contact(new_conversation()))
    assert await waiting == 2
    await listening.aclose()
    await other.close()


async def test_a_notification_carries_a_number_and_is_believed_for_nothing(url):
    database, told = await Database.open(url, "desk"), []
    listening = database.changes(after=0)
    waiting = asyncio.create_task(anext(listening))
    await asyncio.sleep(0)
    with closing(PostgresWriter(server_of(url), "web")) as writer:
        writer.raw.execute(f"LISTEN {engine_postgres.CHANNEL}")
        writer.raw.add_notify_handler(lambda note: told.append(note.payload))
        writer.raw.execute("SELECT pg_notify(%s, 'nonsense')", (engine_postgres.CHANNEL,))
        writer.begin()
        first_contact(new_conversation())(writer.connection)
        writer.commit()
        writer.raw.execute("SELECT 1")
    assert await waiting == 1
    assert told == ["nonsense", "1"]
    await listening.aclose()
    await database.close()


async def test_work_that_only_failed_is_no_commit(database):
    def spoilt(c):
        conversations.create(c, new_conversation())
        raise KeyError("after it has written")

    with pytest.raises(KeyError):
        await database.write(spoilt)
    assert await count(database) == 0
    assert await database.read(changes.newest) == 0


async def test_slots_above_31_bits_fit(database):
    new = new_conversation(slot=2**32 - 1)
    await database.write(first_contact(new))
    assert (await database.read(lambda c: conversations.get(c, new.id))).slot == 2**32 - 1


async def test_numbers_have_no_gaps_after_what_failed(database):
    for _ in range(3):
        await database.write(first_contact(new_conversation()))
        with pytest.raises(DatabaseFailed, match="CheckViolation"):
            await database.write(first_contact(new_conversation(epoch=0)))
    found = await database.read(lambda c: changes.since(c, 0))
    assert [each.number for each in found] == [1, 2, 3]


def test_who_uses_sqlite_loads_no_libpq():
    code = (
        "import sys, vault.engine, vault.schema, vault.backup, intake_server.restore, "
        "intake_server.prepare, intake_server.web.__main__, intake_server.commands_backup\n"
        "sys.exit('psycopg' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
