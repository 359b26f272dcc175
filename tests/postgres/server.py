"""A PostgreSQL server of the tests' own: on a Unix socket in a short folder, thrown away after.

HAVENLINE_TEST_POSTGRES names another one instead, as `postgresql://SUPERUSER@/postgres?host=…`;
the tests make and drop databases and roles there that begin with "havenline".
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from vault import postgres_roles
from vault.schema import migrate

TEMPLATE = "havenline_template"
SHARED = "havenline_shared"
NEEDED = 1 << 30  # bytes free in memory for the files of a server
SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{folder}'
unix_socket_permissions = 0777
max_connections = 200
shared_buffers = 32MB
logging_collector = off
log_destination = stderr
"""
TALKATIVE = """
log_statement = all
log_min_duration_statement = 0
log_min_messages = debug1
log_min_error_statement = debug1
log_error_verbosity = verbose
log_parameter_max_length = -1
log_parameter_max_length_on_error = -1
log_duration = on
"""
"""Everything said: what does not reach this log is kept out by the roles."""
EMPTY = """
DELETE FROM conversations; DELETE FROM staff; DELETE FROM changes; DELETE FROM organisation;
DELETE FROM indicator_counts;
UPDATE meta SET pairing = NULL, commit_counter = 0, prune_below = 0, prune_hour = 0;
"""


def programs() -> Path:
    """The newest PostgreSQL that Debian has installed here."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda at: float(at.parent.name))
    if not found:
        raise AssertionError("PostgreSQL is not installed: apt-get install postgresql")
    return found[-1]


def as_server(*command: str) -> list[str]:
    """PostgreSQL refuses to run as root; Debian's package brings a user for it."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else list(command)


def psql(superuser: str, script: str) -> None:
    subprocess.run(
        [programs() / "psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", "-d", superuser],
        input=script.encode(),
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=60,
    )


@dataclass
class Server:
    """Where it is; `log` is None for a server that is not ours."""

    superuser: str
    host: str
    folder: Path | None = None
    made: "count[int]" = field(default_factory=count)

    @property
    def log(self) -> Path:
        assert self.folder is not None
        return self.folder / "log"

    def url(self, database: str) -> str:
        return f"postgresql:///{database}?host={self.host}"

    def emptied(self) -> str:
        """The URL of the database that all tests use in turn, with no row in it."""
        with self.as_superuser(SHARED) as raw:
            raw.execute(EMPTY)
        return self.url(SHARED)

    def as_superuser(self, database: str = "postgres") -> closing[psycopg.Connection]:
        where = self.superuser.replace("/postgres?", f"/{database}?")
        return closing(psycopg.connect(where, autocommit=True))

    def prepare(self) -> None:
        """Roles, a database with all tables to be copied from, and one that tests share."""
        for name in (TEMPLATE, SHARED):
            psql(self.superuser, postgres_roles.script("havenline", name))
            migrate(self.url(name))

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a new database with all tables."""
        name = f"havenline_{os.getpid()}_{next(self.made)}"
        with self.as_superuser() as raw:
            raw.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER havenline").format(
                    sql.Identifier(name), sql.Identifier(TEMPLATE)
                )
            )
            # Rights on the database itself are not copied with it.
            raw.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(_name(name)))
            every = [postgres_roles.role_of("havenline", each) for each in postgres_roles.PROCESSES]
            raw.execute(
                sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(
                    _name(name), sql.SQL(", ").join(map(sql.Identifier, every))
                )
            )
        try:
            yield self.url(name)
        finally:
            if self.folder is None:  # our own server is thrown away with all of them
                with self.as_superuser() as raw:
                    raw.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(_name(name)))


def _name(name: str) -> sql.Identifier:
    return sql.Identifier(name)


def short_lived() -> Path:
    """A folder for a server's files: in memory where there is room, because it must sync."""
    memory = Path("/dev/shm")  # a folder of its own is made in it
    has_room = memory.is_dir() and shutil.disk_usage(memory).free > NEEDED
    return Path(tempfile.mkdtemp(prefix="hlpg", dir=memory if has_room else None))


@contextmanager
def running(folder: Path, more: str = "") -> Iterator[Server]:
    """Start a server whose files lie in `folder`, and stop it at once in the end."""
    data = folder / "data"
    shutil.chown(folder, "postgres") if os.geteuid() == 0 else None
    folder.chmod(0o755)
    initdb = [programs() / "initdb", "--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8"]
    subprocess.run(
        as_server(*map(str, initdb), "--locale=C", "-D", str(data)),
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=60,
        cwd="/",
    )
    with (data / "postgresql.conf").open("a") as settings:
        settings.write(SETTINGS.format(folder=folder) + more)
    with started(folder) as server:
        yield server


@contextmanager
def started(folder: Path) -> Iterator[Server]:
    """Start a server on the files that lie in `folder` already, as after a crash."""
    data = folder / "data"
    with (folder / "log").open("ab") as log:
        child = subprocess.Popen(
            as_server(str(programs() / "postgres"), "-D", str(data)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
        )
    server = Server(f"postgresql://postgres@/postgres?host={folder}", str(folder), folder)
    try:
        _wait(server)
        yield server
    finally:
        stop = as_server(str(programs() / "pg_ctl"), "stop", "-D", str(data), "-m", "immediate")
        subprocess.run(stop, check=False, stdout=subprocess.DEVNULL, timeout=60, cwd="/")
        child.wait(60)


def _wait(server: Server) -> None:
    for _ in range(600):
        try:
            with server.as_superuser():
                return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise AssertionError("PostgreSQL did not start: " + server.log.read_text()[-2000:])


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The server of this run, with roles and a template."""
    given = os.environ.get("HAVENLINE_TEST_POSTGRES")
    if given:
        server = Server(given, given.partition("host=")[2].partition("&")[0])
        server.prepare()
        yield server
        return
    folder = short_lived()
    try:
        with running(folder) as server:
            server.prepare()
            yield server
    finally:
        shutil.rmtree(folder)
