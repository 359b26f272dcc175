"""How a connection to PostgreSQL is opened, asked what it is set to, and what its errors mean.

No password stands in the database's URL: peers are known by their Unix user, or libpq reads a
PGPASSFILE. The URL's user is the owner of the tables; each process adds its name to it.
Sources: postgresql.org/docs/15/libpq-connect.html and …/errcodes-appendix.html.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from vault.backend import DatabaseBusy, DatabaseFailed, DatabaseFull, Process
from vault.postgres_roles import DEFAULT_OWNER, SILENT, role_of

BUSY_SECONDS: Final = 5.0
"""How long a writer waits for the others."""

_CONNECT_SECONDS: Final = 10
_BUSY: Final = frozenset({"55P03", "57014", "40001", "40P01"})
_FULL: Final = frozenset({"53100"})
_BAD_URL: Final = "the database URL cannot be read: postgresql:///havenline?host=/run/postgresql"
_OPTIONS: Final = (
    f"-c lock_timeout={int(BUSY_SECONDS * 1000)} -c idle_in_transaction_session_timeout=60000"
    " -c synchronous_commit=on -c search_path=public"
)
_SELF: Final = """
SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls
       OR has_schema_privilege('public', 'CREATE') OR has_database_privilege(current_database(),
       'CREATE, TEMPORARY')
FROM pg_roles WHERE rolname = current_user
"""

Raw = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Server:
    """Where the database is, and who owns it."""

    database: str
    owner: str = DEFAULT_OWNER
    host: str | None = None
    port: int | None = None
    more: dict[str, str] = field(default_factory=dict, repr=False)

    def role(self, process: Process | None) -> str:
        """The role of a process; the owner for None."""
        return self.owner if process is None else role_of(self.owner, process)


def server_of(url: str) -> Server:
    """The database that a URL names; raises DatabaseFailed, never with the URL's words."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise DatabaseFailed(_BAD_URL) from None
    if parsed.drivername != "postgresql" or not parsed.database or parsed.password is not None:
        raise DatabaseFailed(_BAD_URL)
    more = {}
    for name, value in parsed.query.items():
        if not isinstance(value, str) or name in {"user", "password", "options", "dbname"}:
            raise DatabaseFailed(_BAD_URL)
        more[name] = value
    host = parsed.host or more.pop("host", None)
    port = parsed.port or int(more.pop("port", 0)) or None
    return Server(parsed.database, parsed.username or DEFAULT_OWNER, host, port, more)


def where_is(server: Server, process: Process | None) -> dict[str, Any]:
    """What libpq needs to know to connect as this process, or as the owner."""
    role = server.role(process)
    return {
        **server.more,
        "dbname": server.database,
        "user": role,
        "host": server.host,
        "port": server.port,
        "application_name": role,
        "connect_timeout": _CONNECT_SECONDS,
        "options": _OPTIONS,
    }


def connect(server: Server, process: Process | None) -> Raw:
    """Open a connection as this process, or as the owner; every statement is its own commit.

    Raises DatabaseFailed where PostgreSQL does not answer or lets this role not in, where the
    role's statements could reach the server's log, or a process could do more than it should.
    """
    role = server.role(process)
    try:
        raw = psycopg.connect(make_conninfo("", **where_is(server, process)), autocommit=True)
    except (psycopg.Error, UnicodeError):
        raise DatabaseFailed(
            f"PostgreSQL does not let {role} in: is it running, were the roles made with "
            "`havenline database roles`, and does pg_hba.conf know them?"
        ) from None
    try:
        _check(raw, process, role)
    except BaseException:
        raw.close()
        raise
    return raw


def _check(raw: Raw, process: Process | None, role: str) -> None:
    asked = sql.SQL(", ").join(
        sql.SQL("current_setting({})").format(sql.Literal(name)) for name in SILENT
    )
    try:
        found = raw.execute(sql.SQL("SELECT {}").format(asked)).fetchone() or ()
        (more,) = raw.execute(_SELF).fetchone() or (True,)
    except psycopg.Error as error:
        raise failure_of(error) from None
    for (name, wanted), value in zip(SILENT.items(), found, strict=True):
        if value != wanted:
            raise DatabaseFailed(
                f"what {role} stores could reach PostgreSQL's log ({name} is not {wanted}): let "
                "a superuser run what `havenline database roles` prints"
            )
    if more and process is not None:
        raise DatabaseFailed(
            f"{role} may do more in PostgreSQL than a process should: let a superuser run what "
            "`havenline database roles` prints"
        )


def failure_of(error: BaseException) -> BaseException:
    """What to tell the caller: a DatabaseFailed for what the database said, without its words.

    PostgreSQL's own words hold values of rows; only the condition's name is kept. What is not
    the database's error is given back as it is.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, psycopg.Error):
        return error
    state = cause.sqlstate
    if state in _BUSY:
        return DatabaseBusy("the database is held by others: try again in a moment")
    if state in _FULL:
        return DatabaseFull("the disk is full: make room, then try again")
    if state is None or state.startswith(("08", "57P")):
        return DatabaseFailed("the connection to PostgreSQL broke: try again in a moment")
    name = type(cause).__name__
    return DatabaseFailed(f"the database refused it ({name}); nothing of it is stored")
