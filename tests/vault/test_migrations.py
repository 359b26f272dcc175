"""Making and upgrading the database: whole or not at all, and as the models say."""

import re
import shutil
import sqlite3
import stat
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from tests.vault.rows import first_contact, new_conversation
from vault import conversations, schema, tables
from vault.columns import Base
from vault.engine import Database, DatabaseFailed
from vault.schema import Migrated, migrate
from vault.sqlite_file import Role, connect

NEXT = f"{int(tables.SCHEMA) + 1:04}"
ANOTHER = '''
"""One more migration, for tests: rebuilds a table that others refer to."""
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"

def upgrade():
    with op.batch_alter_table("conversations", recreate="always") as table:
        table.add_column(sa.Column("team", sa.Integer(), nullable=False, server_default="1"))
    {more}

def downgrade():
    with op.batch_alter_table("conversations") as table:
        table.drop_column("team")
'''
SQL = "SELECT name, sql FROM sqlite_schema WHERE tbl_name <> 'alembic_version' ORDER BY name"


# SQLite writes a column that was added later behind the one before it, on the same line.
BETWEEN = re.compile(r",?\s*\n|,\s+(?=\w+ (?:INTEGER|BIGINT|BLOB|VARCHAR))")


def sql_of(connection):
    """Each table and index in its own words, with their order and spaces left out."""
    return {
        name: sorted(part.strip() for part in BETWEEN.split(sql or "")) for name, sql in connection
    }


def test_the_migrations_make_what_the_models_say(path):
    models = create_engine("sqlite://")
    with models.connect() as connection:
        Base.metadata.create_all(connection)
        expected = sql_of(connection.exec_driver_sql(SQL).all())
    with closing(sqlite3.connect(path)) as made:
        assert sql_of(made.execute(SQL).fetchall()) == expected
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_there_is_one_line_of_numbered_migrations():
    scripts = ScriptDirectory(str(schema._SCRIPTS))
    revisions = [each.revision for each in reversed(list(scripts.walk_revisions()))]
    assert scripts.get_heads() == [tables.SCHEMA]
    assert revisions == sorted(set(revisions))  # so that an older file is recognised
    assert all(len(each) == 4 and each.isdigit() for each in revisions)


def test_a_new_database_is_made_for_this_account_alone(tmp_path):
    path = tmp_path / "deep" / "database" / "havenline.sqlite3"
    url = f"sqlite:///{path}"
    assert migrate(url) == Migrated(None, tables.SCHEMA)
    assert migrate(url) == Migrated(tables.SCHEMA, tables.SCHEMA)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_newer_database_is_left_alone(path, url):
    with closing(connect(path, Role.MIGRATION)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (NEXT,))
    before = path.read_bytes()
    with pytest.raises(DatabaseFailed, match="newer version"):
        migrate(url)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", ["table", "text"])
def test_a_foreign_file_is_left_alone(tmp_path, content):
    foreign = tmp_path / "private" / "foreign"
    foreign.parent.mkdir(mode=0o700)
    if content == "table":
        with closing(sqlite3.connect(foreign)) as connection:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("CREATE TABLE theirs (x)")
    else:
        foreign.write_text("letters " * 1000)
    foreign.chmod(0o600)
    before = foreign.read_bytes()
    with pytest.raises(DatabaseFailed):
        migrate(f"sqlite:///{foreign}")
    if content == "text":
        assert foreign.read_bytes() == before
    else:
        with closing(sqlite3.connect(foreign)) as connection:
            assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("theirs",)]


def test_a_first_migration_that_fails_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(schema, "_SCRIPTS", tmp_path / "nowhere")
    with pytest.raises(Exception, match="nowhere"):
        migrate(f"sqlite:///{tmp_path}/database/havenline.sqlite3")
    assert list((tmp_path / "database").iterdir()) == []


# --- an upgrade -----------------------------------------------------------------------------


@pytest.fixture
def second(tmp_path, monkeypatch):
    """Makes this a newer version with one more migration; `more` is what it does besides."""

    def install(more="pass"):
        scripts = tmp_path / "migrations"
        shutil.copytree(schema._SCRIPTS, scripts)
        text = ANOTHER.replace("{revision}", NEXT).replace("{before}", tables.SCHEMA)
        (scripts / "versions" / f"{NEXT}_for_tests.py").write_text(text.replace("{more}", more))
        monkeypatch.setattr(schema, "_SCRIPTS", scripts)
        monkeypatch.setattr(tables, "SCHEMA", NEXT)

    return install


@pytest.fixture
async def filled(url):
    database = await Database.open(url)
    for _ in range(10):
        await database.write(first_contact(new_conversation()))
    before = await database.read(conversations.queue)
    await database.close()
    return before


def contents(path):
    with closing(sqlite3.connect(path)) as connection:
        names = ("conversations", "messages", "changes", "meta")
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}


async def test_an_upgrade_keeps_every_row_and_leaves_no_copy(path, url, filled, second):
    before, schema_before = contents(path), tables.SCHEMA
    second()
    assert migrate(url) == Migrated(schema_before, NEXT)
    after = contents(path)
    assert after["messages"] == before["messages"]  # rebuilding their parent deletes no children
    assert after["conversations"] == [(*row, 1) for row in before["conversations"]]
    assert {each.name for each in path.parent.iterdir()} == {path.name, "writers"}
    database = await Database.open(url)
    assert await database.read(conversations.queue) == filled
    await database.close()


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    "more", ['raise RuntimeError("half way")', 'op.execute("DELETE FROM conversations")'], ids=str
)
def test_an_upgrade_that_fails_changes_nothing_and_keeps_a_copy(path, url, second, more):
    before = contents(path)
    second(more)
    with pytest.raises(DatabaseFailed) as caught:
        migrate(url)
    assert f"havenline.sqlite3-before-{NEXT}" in str(caught.value)
    assert contents(path) == before
    copy = path.with_name(f"havenline.sqlite3-before-{NEXT}")
    assert contents(copy) == before
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


@pytest.mark.usefixtures("filled")
async def test_an_older_database_is_not_opened_before_the_upgrade(url, second):
    second()
    with pytest.raises(DatabaseFailed, match="havenline up"):
        await Database.open(url)
