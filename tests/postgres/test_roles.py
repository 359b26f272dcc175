"""Each process may do in PostgreSQL what it needs, and nothing else."""

import shutil
from contextlib import closing

import psycopg
import pytest
from psycopg import sql

from tests.postgres.server import psql, running, short_lived
from tests.vault.rows import first_contact, new_conversation
from vault import postgres_roles, tables
from vault.engine import Database, DatabaseFailed
from vault.postgres_server import connect, server_of

PROCESSES = ("web", "desk", "courier", "caretaker")
EVERY = (*tables.CONVERSATION_TABLES, *tables.OPERATION_TABLES)

# r: reads whole rows, i: adds rows, d: deletes rows, -: not.
MAY = {
    #                   web    desk   courier caretaker
    "conversations":   ("rid", "r--", "rid", "r-d"),
    "messages":        ("rid", "ri-", "rid", "--d"),
    "drafts":          ("--d", "rid", "--d", "--d"),
    "outbox":          ("--d", "ri-", "r-d", "--d"),
    "inbox":           ("--d", "---", "rid", "--d"),
    "addresses":       ("--d", "---", "rid", "--d"),
    "attachments":     ("rid", "ri-", "rid", "--d"),
    "attachment_chunks": ("rid", "ri-", "rid", "--d"),
    "staff":           ("---", "rid", "---", "---"),
    "organisation":    ("r--", "rid", "r--", "---"),
    "indicator_counts": ("---", "rid", "---", "---"),
    "changes":         ("-i-", "ri-", "-i-", "rid"),
    "meta":            ("r--", "r--", "r--", "r--"),
    "alembic_version": ("r--", "r--", "r--", "r--"),
}  # fmt: skip
CHANGED = {
    "web": {"attachments", "conversations", "changes", "meta"},
    "desk": {"attachments", "conversations", "meta", "indicator_counts"},
    "courier": {"attachments", "conversations", "changes", "meta", "outbox", "addresses"},
    "caretaker": {"changes", "meta", "conversations"},
}
STATEMENTS = {"r": "SELECT * FROM {}", "i": "INSERT INTO {} DEFAULT VALUES", "d": "DELETE FROM {}"}
NEVER_CHANGED = {"id", "row", "slot", "tag", "created_hour", "latest_hour"}
BY_THE_DESK = ("outer_team", "outer_client", "channel")  # a page that is let in


def is_refused(url, process, statement):
    """Whether PostgreSQL forbids it; what else is wrong with it, it finds out afterwards."""
    with closing(connect(server_of(url), process)) as raw:
        try:
            with raw.transaction(force_rollback=True):
                raw.execute(statement)
        except psycopg.errors.InsufficientPrivilege:
            return True
        except psycopg.errors.IntegrityError:
            return False
    return False


@pytest.mark.parametrize("process", PROCESSES)
def test_each_table_gives_each_process_what_it_needs_and_no_more(url, process):
    found, at = {}, PROCESSES.index(process)
    for table in MAY:
        name = sql.Identifier(table)
        found[table] = "".join(
            "-" if is_refused(url, process, sql.SQL(text).format(name)) else letter
            for letter, text in STATEMENTS.items()
        )
    assert found == {table: may[at] for table, may in MAY.items()}


def test_the_matrix_has_every_table():
    assert set(MAY) == {table.name for table in EVERY} | {"alembic_version"}


@pytest.mark.parametrize("process", PROCESSES)
def test_rows_are_changed_only_where_a_step_changes_them(url, process):
    changed = set()
    for table in EVERY:
        for column in table.columns:
            name = sql.Identifier(column.name)
            update = sql.SQL("UPDATE {} SET {} = NULL").format(sql.Identifier(table.name), name)
            if not is_refused(url, process, update):
                changed.add((table.name, column.name))
    assert {table for table, _ in changed} == CHANGED[process]
    assert not {each for each in changed if each[0] == "conversations"} & {
        ("conversations", name) for name in NEVER_CHANGED
    }
    for name in BY_THE_DESK:
        assert (("conversations", name) in changed) == (process == "desk")
    assert (("meta", "pairing") in changed) == (process == "caretaker")
    if process == "caretaker":  # it shuts what it deletes, and moves nothing else
        assert {name for table, name in changed if table == "conversations"} == {"due_hour"}


FORBIDDEN = [
    "CREATE TABLE copy AS SELECT * FROM conversations",
    "CREATE TEMP TABLE copy AS SELECT * FROM conversations",
    "DROP TABLE messages",
    "ALTER TABLE messages ADD COLUMN x int",
    "TRUNCATE changes",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE ROLE other",
    "SET ROLE havenline",
    "SET SESSION AUTHORIZATION postgres",
    "SET log_statement = 'all'",
    "SET log_min_messages = 'debug1'",
    "COPY conversations TO PROGRAM 'cat'",
    "COPY conversations TO '/tmp/copy'",
    "SELECT pg_read_file('/etc/passwd')",
    "UPDATE alembic_version SET version_num = '9999'",
]


@pytest.mark.parametrize("process", PROCESSES)
def test_no_process_changes_the_schema_the_settings_or_who_it_is(url, process):
    assert [each for each in FORBIDDEN if not is_refused(url, process, each)] == []


async def test_what_a_role_may_not_do_is_said_without_values(url):
    database = await Database.open(url, "desk")
    with pytest.raises(DatabaseFailed, match="InsufficientPrivilege"):
        await database.write(first_contact(new_conversation()))
    await database.close()


# --- what is looked at when a connection is opened ------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("log_min_messages", "warning"),
        ("log_error_verbosity", "default"),
        ("log_parameter_max_length", "-1"),
        ("log_parameter_max_length_on_error", "80"),
        ("log_min_error_statement", "error"),
        ("log_statement", "all"),
    ],
)
async def test_a_role_whose_statements_could_reach_the_log_is_refused(postgres, url, name, value):
    alter = sql.SQL('ALTER ROLE "havenline-web" SET {} = {}')
    with postgres.as_superuser() as raw:
        raw.execute(alter.format(sql.Identifier(name), sql.Literal(value)))
    try:
        with pytest.raises(DatabaseFailed, match=f"{name} is not"):
            await Database.open(url, "web")
    finally:
        with postgres.as_superuser() as raw:
            wanted = postgres_roles.SILENT[name]
            raw.execute(alter.format(sql.Identifier(name), sql.Literal(wanted)))
    await (await Database.open(url, "web")).close()


@pytest.mark.parametrize("more", ["SUPERUSER", "CREATEROLE", "BYPASSRLS", "REPLICATION"])
async def test_a_process_with_more_rights_than_it_needs_is_refused(postgres, url, more):
    with postgres.as_superuser() as raw:
        raw.execute(sql.SQL('ALTER ROLE "havenline-courier" {}').format(sql.SQL(more)))
    try:
        with pytest.raises(DatabaseFailed, match="may do more"):
            await Database.open(url, "courier")
    finally:
        with postgres.as_superuser() as raw:
            raw.execute(sql.SQL('ALTER ROLE "havenline-courier" NO{}').format(sql.SQL(more)))


@pytest.mark.parametrize(
    "named",
    [
        "postgresql://havenline:secret-7c1@/havenline",
        "postgresql+asyncpg://secret-7c1/havenline",
        "postgresql://secret-7c1",
        "postgresql://h:secret-7c1/havenline",
        "postgresql:///havenline?sslmode=secret-7c1&sslmode=secret-7c1",
    ],
)
async def test_a_url_that_is_refused_is_not_repeated(named):
    with pytest.raises(DatabaseFailed, match="cannot be read") as caught:
        await Database.open(named, "web")
    assert "secret-7c1" not in repr(caught.value)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("password=secret-7c1", "not known here"),
        ("sslpassword=secret-7c1", "PGPASSFILE"),
        ("options=-c%20log_statement%3Dsecret-7c1", "not known here"),
        ("user=secret-7c1", "not known here"),
        ("dbname=secret-7c1", "not known here"),
        ("service=secret-7c1", "not known here"),
        ("hostaddr=192.0.2.7", "not known here"),
        ("secret-7c1=x", "not known here"),
        ("port=secret-7c1", "from 1 to 65535"),
        ("port=-5432", "from 1 to 65535"),
        ("port=0", "from 1 to 65535"),
        ("port=65536", "from 1 to 65535"),
        ("port=%D9%A5", "from 1 to 65535"),
        ("port=" + "9" * 5000, "from 1 to 65535"),
    ],
)
def test_options_that_are_refused_are_not_repeated(query, told):
    with pytest.raises(DatabaseFailed, match=told) as caught:
        server_of(f"postgresql:///havenline?{query}")
    assert "secret-7c1" not in repr(caught.value)


@pytest.mark.parametrize(
    ("host", "query"),
    [
        ("db.example.org", ""),
        ("db.example.org", "sslmode=require"),
        ("db.example.org", "sslmode=verify-ca&sslrootcert=/etc/ca.pem"),
        ("192.0.2.7", "sslmode=prefer"),
        ("[2001:db8::1]", ""),
        ("", "host=db.example.org"),
        ("", "host=localhost,db.example.org"),
        ("", "host=/run/postgresql,db.example.org"),
        ("", "host=@havenline,db.example.org"),
        ("", "host=localhost.example.org&sslmode=disable"),
    ],
)
def test_another_machine_is_reached_with_its_name_checked_or_not_at_all(host, query):
    with pytest.raises(DatabaseFailed, match="sslmode=verify-full") as caught:
        server_of(f"postgresql://{host}/havenline?{query}")
    assert "example" not in str(caught.value)
    checked = "&".join([*(one for one in query.split("&") if "ssl" not in one), "sslmode="])
    server = server_of(f"postgresql://{host}/havenline?{checked}verify-full")
    assert server.more == {"sslmode": "verify-full"}


@pytest.mark.parametrize(
    "url",
    [
        "postgresql:///havenline",
        "postgresql:///havenline?host=/run/postgresql&port=5433",
        "postgresql://localhost/havenline",
        "postgresql://127.0.0.1:5432/havenline",
        "postgresql://[::1]/havenline",
    ],
)
def test_this_machine_needs_no_tls(url):
    assert server_of(url).database == "havenline"


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_could_lose_what_it_confirmed_is_not_written_to(setting):
    folder = short_lived()
    try:
        with running(folder, f"{setting} = off\n") as server:
            psql(server.superuser, postgres_roles.script("havenline", "havenline"))
            for process in ("web", None):
                with pytest.raises(DatabaseFailed, match=f"set {setting} = on in postgresql.conf"):
                    connect(server_of(server.url("havenline")), process)
    finally:
        shutil.rmtree(folder)


def test_a_session_cannot_be_made_to_lose_commits(postgres, url):
    """The role's own setting does not count: each connection asks for its commits to be synced."""
    database, role = sql.Identifier(server_of(url).database), sql.Identifier("havenline-web")
    name = sql.SQL("ALTER ROLE {} IN DATABASE {} ").format(role, database)
    with postgres.as_superuser() as raw:
        raw.execute(name + sql.SQL("SET synchronous_commit = off"))
    try:
        with closing(connect(server_of(url), "web")) as raw:
            assert raw.execute("SHOW synchronous_commit").fetchone() == ("on",)
    finally:
        with postgres.as_superuser() as raw:
            raw.execute(name + sql.SQL("RESET synchronous_commit"))


async def test_a_server_that_lets_nobody_in_is_said_in_one_sentence(postgres, tmp_path):
    for url in (f"postgresql:///havenline?host={tmp_path}", postgres.url("havenline_nowhere")):
        with pytest.raises(DatabaseFailed, match="does not let havenline-web in"):
            await Database.open(url, "web")


def test_the_owner_in_the_url_names_the_roles():
    server = server_of("postgresql://other@/base?host=/run/postgresql&sslmode=disable")
    assert (server.role(None), server.role("web")) == ("other", "other-web")
    assert (server.host, server.database, server.more) == (
        "/run/postgresql",
        "base",
        {"sslmode": "disable"},
    )


def test_a_name_cannot_leave_its_quotes():
    made = postgres_roles.script('ha"ven', "da'ta")
    assert '"ha""ven-web"' in made
    assert "'da''ta'" in made
