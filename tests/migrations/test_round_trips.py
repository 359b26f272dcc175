"""Every migration, up and down, with rows in the tables both ways.

Each has a module `migration_<revision>.py` here, which fills tables as they were before and
after it and checks what became of them.
"""

import importlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from vault import private_files, schema
from vault.sqlite_file import Role, connect

SCRIPTS = ScriptDirectory(str(schema._SCRIPTS))
REVISIONS = sorted(script.revision for script in SCRIPTS.walk_revisions())


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    path = tmp_path / "havenline.sqlite3"
    private_files.create(path).close()
    return path


def case(revision):
    return importlib.import_module(f"tests.migrations.migration_{revision}")


def before(revision):
    return SCRIPTS.get_revision(revision).down_revision or "base"


def opened(path) -> closing[sqlite3.Connection]:
    return closing(connect(path, Role.UPKEEP))


def test_every_migration_has_its_case():
    here = {each.stem for each in Path(__file__).parent.glob("migration_*.py")}
    assert here == {f"migration_{revision}" for revision in REVISIONS}


@pytest.mark.parametrize("revision", REVISIONS)
def test_up(empty, revision):
    if before(revision) != "base":
        schema.to_revision(empty, before(revision))
    with opened(empty) as connection:
        case(revision).fill_before(connection)
    schema.to_revision(empty, revision)
    with opened(empty) as connection:
        case(revision).check_after(connection)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert schema.schema_of(connection) == revision


@pytest.mark.parametrize("revision", REVISIONS)
def test_down_and_up_again(empty, revision):
    schema.to_revision(empty, revision)
    with opened(empty) as connection:
        case(revision).fill_after(connection)
    schema.to_revision(empty, before(revision))
    with opened(empty) as connection:
        case(revision).check_before(connection)
    schema.to_revision(empty, revision)
    with opened(empty) as connection:
        assert schema.schema_of(connection) == revision
