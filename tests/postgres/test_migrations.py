"""Migrations on PostgreSQL: as the models say, up and down with rows, and killed in the middle."""

import asyncio
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import sql

from tests.migrations.migration_0001 import ROWS
from tests.migrations.migration_0002 import VERSION
from tests.migrations.migration_0003 import COUNT
from tests.migrations.migration_0006 import ATTACHMENT, CHUNK
from tests.vault.rows import first_contact, new_conversation
from vault import conversations, schema, schema_postgres, tables
from vault.columns import Base
from vault.engine import Database, DatabaseFailed
from vault.engine_postgres import PostgresReader
from vault.postgres_server import connect, server_of
from vault.schema import Migrated, migrate

ROOT = Path(__file__).parents[2]
REVISIONS = sorted(
    script.revision for script in ScriptDirectory(str(schema._SCRIPTS)).walk_revisions()
)
NEWEST = tables.SCHEMA
NEXT = f"{int(NEWEST) + 1:04}"
SECOND = '''
"""One more migration, for tests."""
import os, signal
import sqlalchemy as sa
from alembic import op

revision = "{next}"
down_revision = "{newest}"

def upgrade():
    with op.batch_alter_table("conversations") as table:
        table.add_column(sa.Column("team", sa.Integer(), nullable=False, server_default="1"))
    {more}

def downgrade():
    with op.batch_alter_table("conversations") as table:
        table.drop_column("team")
'''


@pytest.fixture
def own(postgres):
    """A database for this test alone."""
    with postgres.database() as url:
        yield url


@pytest.fixture
def second(tmp_path):
    """A folder with a second migration, which does `more` besides."""

    def make(more="pass"):
        scripts = tmp_path / "migrations"
        shutil.copytree(schema._SCRIPTS, scripts)
        text = SECOND.replace("{more}", more).replace("{next}", NEXT).replace("{newest}", NEWEST)
        (scripts / "versions" / f"{NEXT}_for_tests.py").write_text(text)
        return scripts

    return make


@pytest.fixture
def newer(second, monkeypatch):
    def install(more="pass"):
        monkeypatch.setattr(schema, "_SCRIPTS", second(more))
        monkeypatch.setattr(tables, "SCHEMA", NEXT)

    return install


async def fill(url):
    database = await Database.open(url)
    for _ in range(10):
        await database.write(first_contact(new_conversation()))
    await database.close()


def contents(url):
    with closing(connect(server_of(url), None)) as raw:
        names = ("conversations", "messages", "changes", "meta", "alembic_version")
        return {
            name: raw.execute(
                sql.SQL("SELECT * FROM {} ORDER BY 1").format(sql.Identifier(name))
            ).fetchall()
            for name in names
        }


def test_the_migrations_make_what_the_models_say(own):
    with closing(PostgresReader(server_of(own), None)) as session:
        context = MigrationContext.configure(session.connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_no_sequence_and_no_trigger_of_ours_tells_of_what_was_deleted(own):
    with closing(connect(server_of(own), None)) as raw:
        assert raw.execute("SELECT count(*) FROM pg_sequences").fetchone() == (0,)
        assert raw.execute("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal").fetchone() == (
            0,
        )


NUMBERED = {"conversations": "row", "messages": "row", "outbox": "row", "changes": "number"}
MADE = {  # by each migration: its tables with a row for each, as SQLite's cases have them
    "0001": {
        table: dict(zip(names.split(", "), row, strict=True))
        for table, (names, row) in ROWS.items()
    },
    "0002": {
        "organisation": dict(zip(("number", "signer", "body", "signature"), VERSION, strict=True))
    },
    "0003": {
        "indicator_counts": dict(
            zip(("month", "rule", "language", "verdict", "count"), COUNT, strict=True)
        )
    },
    "0004": {},  # indices alone
    "0005": {},  # a column of a table that was there
    "0006": {"attachments": ATTACHMENT, "attachment_chunks": CHUNK},
    "0009": {},  # settings of a table that was there
    "0010": {},  # rights
}


def insert(raw, table, row):
    every = dict(row)
    if "answered" in every:
        every["answered"] = bool(every["answered"])
    if table in NUMBERED:
        every[NUMBERED[table]] = 1
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, every)),
        sql.SQL(", ").join([sql.Placeholder()] * len(every)),
    )
    raw.execute(statement, list(every.values()))


def counted(raw):
    """How many rows stand in each table of ours."""
    found = raw.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    names = {name for (name,) in found} - {"alembic_version", "meta"}
    count = sql.SQL("SELECT count(*) FROM {}")
    return {each: raw.execute(count.format(sql.Identifier(each))).fetchone()[0] for each in names}


def test_every_migration_has_rows_here():
    assert set(MADE) == set(REVISIONS)


@pytest.mark.parametrize("revision", REVISIONS)
def test_down_and_up_again_with_rows_in_every_table(own, revision):
    server, at = server_of(own), REVISIONS.index(revision)
    schema_postgres.to_revision(server, revision)
    there = [name for each in REVISIONS[: at + 1] for name in MADE[each]]
    with closing(connect(server, None)) as raw:
        for each in REVISIONS[: at + 1]:
            for table, row in MADE[each].items():
                insert(raw, table, row)
        assert counted(raw) == dict.fromkeys(there, 1)
    schema_postgres.to_revision(server, REVISIONS[at - 1] if at else "base")
    kept = {name: 1 for name in there if name not in MADE[revision]}
    with closing(connect(server, None)) as raw:
        assert counted(raw) == kept  # going back loses its own tables and no other row
    migrate(own)
    with closing(connect(server, None)) as raw:
        every = [name for each in REVISIONS for name in MADE[each]]
        assert counted(raw) == dict.fromkeys(every, 0) | kept


async def test_an_upgrade_keeps_every_row_and_every_right(own, newer):
    await fill(own)
    before = contents(own)
    newer()
    assert migrate(own) == Migrated(NEWEST, NEXT)
    assert migrate(own) == Migrated(NEXT, NEXT)
    after = contents(own)
    assert after["messages"] == before["messages"]
    assert after["conversations"] == [(*row, 1) for row in before["conversations"]]
    database = await Database.open(own, "web")
    await database.write(first_contact(new_conversation()))
    await database.close()


async def test_an_upgrade_that_fails_changes_nothing(own, newer):
    await fill(own)
    before = contents(own)
    newer('raise RuntimeError("half way")')
    with pytest.raises(DatabaseFailed, match="nothing was changed"):
        migrate(own)
    assert contents(own) == before


async def test_an_upgrade_that_is_killed_in_the_middle_changes_nothing(own, second, newer):
    await fill(own)
    before = contents(own)
    scripts = second("os.kill(os.getpid(), signal.SIGKILL)")
    killed = subprocess.run(  # noqa: ASYNC221 -- nothing else runs here
        [sys.executable, Path(__file__).with_name("killed_migration.py"), own, scripts, NEXT],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert killed.returncode == -9
    assert contents(own) == before
    shutil.rmtree(scripts)
    newer()
    assert migrate(own) == Migrated(NEWEST, NEXT)  # the same again ends it


async def test_another_schema_is_not_opened(own):
    with closing(connect(server_of(own), None)) as raw:
        for found, said in (("0000", "earlier"), ("9999", "newer")):
            raw.execute("UPDATE alembic_version SET version_num = %s", (found,))
            with pytest.raises(DatabaseFailed, match=said):
                await Database.open(own, "web")
    with pytest.raises(DatabaseFailed, match="newer version"):
        migrate(own)


async def test_a_database_with_other_tables_is_left_alone(own):
    server = server_of(own)
    schema_postgres.to_revision(server, "base")
    with closing(connect(server, None)) as raw:
        raw.execute("DROP TABLE alembic_version")
        raw.execute("CREATE TABLE theirs (x int)")
    with pytest.raises(DatabaseFailed, match="other tables"):
        migrate(own)
    with pytest.raises(DatabaseFailed, match="no tables yet"):
        await Database.open(own, "web")


async def test_of_two_upgrades_at_once_the_second_finds_it_done(own, newer):
    await fill(own)
    newer()
    done = await asyncio.gather(*(asyncio.to_thread(migrate, own) for _ in range(2)))
    assert {each.after for each in done} == {NEXT}
    assert len(await read_queue(own)) == 10


async def read_queue(url):
    database = await Database.open(url)
    found = await database.read(conversations.queue)
    await database.close()
    return found
