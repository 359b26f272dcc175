"""What an operator types for PostgreSQL: roles, tables, backup, upgrade."""

import asyncio
import json
from contextlib import closing

import pytest
from click.testing import CliRunner

from intake_server import prepare
from intake_server.cli import main
from tests.postgres.server import psql
from tests.vault.rows import first_contact, from_client, new_conversation, sealed
from vault import conversations, schema_postgres, tables
from vault.backup import DUMP_NAME, Passphrase, read_backup
from vault.backup_postgres import replace_database
from vault.engine import Database, DatabaseFailed
from vault.postgres_server import connect, server_of

CANARY = b"canary-in-a-backup-31c"
PASSPHRASE = "a long passphrase for tests"


@pytest.fixture
def own(postgres):
    with postgres.database() as url:
        yield url


@pytest.fixture
def place(tmp_path, own):
    """Options that name a data folder with settings for PostgreSQL."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "havenline.toml").write_text(f'[data]\ndatabase_url = "{own}"\n')
    (tmp_path / "passphrase").write_text(PASSPHRASE)
    return data


def run(place, *arguments, code=0):
    done = CliRunner().invoke(main, [*arguments, "--data", str(place)])
    assert done.exit_code == code, done.output
    return done.output


def passphrase(place):
    return ("--passphrase-file", str(place.parent / "passphrase"))


async def fill(url, *news):
    database = await Database.open(url, "web")
    for new in news:
        await database.write(first_contact(new, from_client(new.id, envelope=canary())))
    await database.close()


def canary():
    return sealed(1, CANARY)


async def ids(url):
    database = await Database.open(url)
    found = {row.id for row in await database.read(conversations.queue)}
    await database.close()
    return found


def test_the_roles_are_printed_for_the_database_of_the_settings(place, own):
    script = run(place, "database", "roles")
    assert server_of(own).database in script
    assert 'CREATE ROLE "havenline-caretaker"' in script
    (place / "havenline.toml").unlink()
    assert "SQLite" in run(place, "database", "roles", code=1)
    assert "SQLite" in run(place, "database", "tables", code=1)


def test_roles_and_tables_may_be_made_again(place, own, postgres):
    psql(postgres.superuser, run(place, "database", "roles"))
    with postgres.as_superuser(server_of(own).database) as raw:
        raw.execute('REVOKE ALL ON messages FROM "havenline-web"')
    assert tables.SCHEMA in run(place, "database", "tables")
    with closing(connect(server_of(own), "web")) as raw:
        raw.execute("SELECT * FROM messages")


async def test_the_first_start_makes_the_tables_and_binds_them(own):
    schema_postgres.to_revision(server_of(own), "base")
    pairing = b"p" * 16
    made = await prepare.prepare(own, pairing)
    assert (made.before, made.after, made.pairing) == (None, tables.SCHEMA, pairing.hex())
    again = await prepare.prepare(own, None)
    assert (again.before, again.pairing) == (tables.SCHEMA, pairing.hex())


async def test_an_older_database_is_upgraded_only_when_asked(own):
    with closing(connect(server_of(own), None)) as raw:
        raw.execute("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(DatabaseFailed, match="havenline upgrade FILE"):
        await prepare.prepare(own, None)
    assert schema_postgres.older_schema(own) == "0000"


def test_upgrade_says_when_nothing_is_to_be_done(place):
    said = run(place, "upgrade", str(place.parent / "b.hlb"), *passphrase(place))
    assert "of this version" in said
    assert not (place.parent / "b.hlb").exists()


def test_a_backup_is_encrypted_and_comes_back_whole(place, own, tmp_path):
    kept, later = new_conversation(), new_conversation()
    asyncio.run(fill(own, kept))
    backup = tmp_path / "backup.hlb"
    told = json.loads(
        run(place, "backup", str(backup), *passphrase(place), "--json").partition("\n")[2]
    )
    assert list(told["files"]) == [DUMP_NAME, "havenline.toml"]
    assert CANARY not in backup.read_bytes()
    assert list((place / "database").iterdir()) == []

    asyncio.run(fill(own, later))
    into = tmp_path / "unpacked"
    found = read_backup(backup, Passphrase.of(PASSPHRASE), into)
    assert found.schema == tables.SCHEMA
    replace_database(own, into / DUMP_NAME)
    assert asyncio.run(ids(own)) == {kept.id}
    with closing(connect(server_of(own), None)) as raw:  # the planner knows what came back
        counted = "SELECT reltuples FROM pg_class WHERE relname = 'conversations'"
        assert raw.execute(counted).fetchone() == (1,)
    asyncio.run(fill(own, new_conversation()))  # with the rights of a process


def test_an_archive_that_is_broken_changes_nothing(own, tmp_path):
    kept = new_conversation()
    asyncio.run(fill(own, kept))
    (tmp_path / "archive").write_bytes(b"PGDMP but not quite")
    with pytest.raises(DatabaseFailed, match="pg_restore did not do it"):
        replace_database(own, tmp_path / "archive")
    assert asyncio.run(ids(own)) == {kept.id}


def test_a_backup_does_not_take_the_place_of_another(place, tmp_path):
    (tmp_path / "there.hlb").write_bytes(b"older")
    said = run(place, "backup", str(tmp_path / "there.hlb"), *passphrase(place), code=1)
    assert "choose another name" in said
    assert (tmp_path / "there.hlb").read_bytes() == b"older"
