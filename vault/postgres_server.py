"""How a connection to PostgreSQL is opened, asked what it is set to, and what its errors mean.

No password stands in the database's URL: peers are known by their Unix user, or libpq reads a
PGPASSFILE. The URL's user is the owner of the tables; each process adds its name to it.

Another machine is reached over TLS with its name checked (`sslmode=verify-full`) or not at all:
whoever stands between could otherwise read metadata and delete rows. A server that does not sync
what it acknowledges is not written to, for a message that was confirmed could be lost.
Sources: postgresql.org/docs/15/libpq-connect.html, …/runtime-config-wal.html and
…/errcodes-appendix.html.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
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
_BAD_PORT: Final = "the port in the database URL must be a number from 1 to 65535"
_UNKNOWN_OPTION: Final = (
    "the database URL has an option that is not known here. Known are host, port, sslmode, "
    "sslrootcert, sslcert, sslkey, sslcrl and ssl_min_protocol_version. Passwords stand in the "
    "file that PGPASSFILE names; a key of sslkey has none"
)
_NEEDS_TLS: Final = (
    "the database is on another machine, and its URL does not ask who answers there: add "
    "sslmode=verify-full and sslrootcert=FILE (the certificate that signed the server's) to "
    "data.database_url"
)
_KNOWN_OPTIONS: Final = frozenset(
    {"sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "ssl_min_protocol_version"}
)
_LARGEST_PORT: Final = 65535
DURABLE: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "fsync": frozenset({"on"}),
        "full_page_writes": frozenset({"on"}),
        "synchronous_commit": frozenset({"on", "local", "remote_write", "remote_apply"}),
    }
)
"""What the server must be set to, so that what it has acknowledged survives a power cut."""

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
    more: dict[str, str] = {}
    for name, value in parsed.query.items():
        if not isinstance(value, str):
            raise DatabaseFailed(_BAD_URL)
        more[name] = value
    host = parsed.host or more.pop("host", None)
    port = _port_of(str(parsed.port or more.pop("port", "")))
    if not more.keys() <= _KNOWN_OPTIONS:
        raise DatabaseFailed(_UNKNOWN_OPTION)
    if not is_here(host) and more.get("sslmode") != "verify-full":
        raise DatabaseFailed(_NEEDS_TLS)
    return Server(parsed.database, parsed.username or DEFAULT_OWNER, host, port, more)


def is_here(host: str | None) -> bool:
    """Whether a host is this machine: no host, a folder of Unix sockets, or loopback.

    A list is not, whatever it begins with: libpq tries one after the other.
    """
    if host and "," in host:
        return False
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _port_of(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:6]) <= _LARGEST_PORT):
        raise DatabaseFailed(_BAD_PORT)
    return int(text)


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
    role's statements could reach the server's log, where the server does not sync what it
    confirms, or a process could do more than it should.
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
        sql.SQL("current_setting({})").format(sql.Literal(name)) for name in (*SILENT, *DURABLE)
    )
    try:
        found = raw.execute(sql.SQL("SELECT {}").format(asked)).fetchone() or ()
        (more,) = raw.execute(_SELF).fetchone() or (True,)
    except psycopg.Error as error:
        raise failure_of(error) from None
    settings = dict(zip((*SILENT, *DURABLE), map(str, found), strict=True))
    for name, wanted in SILENT.items():
        if settings[name] != wanted:
            raise DatabaseFailed(
                f"what {role} stores could reach PostgreSQL's log ({name} is not {wanted}): let "
                "a superuser run what `havenline database roles` prints"
            )
    for name, good in DURABLE.items():
        if settings[name] not in good:
            raise DatabaseFailed(
                f"PostgreSQL could lose what it has confirmed ({name} is {settings[name]}): set "
                f"{name} = on in postgresql.conf, let the server read it again "
                "(systemctl reload postgresql), then start again"
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
