"""Who may do what in PostgreSQL: one role for each process, with the least that it needs.

`havenline` (or whatever user the database's URL names) owns the tables and runs migrations,
backups and restores; it is no process. `havenline-web` and its sisters are the processes. What
each may touch stands here, table by table, column by column where a row is changed; everything
else PostgreSQL refuses. The keeper has no role: it knows no database.

Nothing that a statement carries may reach the server's log. These settings can only be made by a
superuser, for each role (`script`), and every connection looks whether they hold.
Source: postgresql.org/docs/15/runtime-config-logging.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, get_args

from vault import tables
from vault.backend import Process

PROCESSES: Final[tuple[Process, ...]] = get_args(Process)
DEFAULT_OWNER: Final = "havenline"

SILENT: Final[Mapping[str, str]] = MappingProxyType(
    {
        # Nothing below a session's death is written: no refused statement, no slow one, no plan.
        "log_min_messages": "fatal",
        # Should somebody loosen that, each of the others still keeps values out on its own.
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "log_statement": "none",
        "log_duration": "off",
        "log_min_duration_statement": "-1",
        "log_min_duration_sample": "-1",
        "log_transaction_sample_rate": "0",
        "debug_print_parse": "off",
        "debug_print_rewritten": "off",
        "debug_print_plan": "off",
    }
)
"""What must hold on every connection."""

_FIRST: Final = ("INSERT", "SELECT")
# Every commit is counted and noticed; every row takes the next number.
_COMMIT: Final = MappingProxyType(
    {
        "meta": ("SELECT", "UPDATE (commit_counter)"),
        "changes": ("INSERT", "SELECT (number, conversation)", "UPDATE (conversation)"),
        "alembic_version": ("SELECT",),
    }
)
_CLEAR_AWAY: Final = ("DELETE", "SELECT (conversation)")
# Chunks are deleted one by one; web, desk and courier take them in and give them out.
_CARRY: Final = MappingProxyType(
    {
        "attachments": ("INSERT", "SELECT", "UPDATE (message)"),
        "attachment_chunks": ("INSERT", "SELECT"),
    }
)
_CARRY_AND_CLEAR: Final = MappingProxyType(
    {name: (*verbs, "DELETE") for name, verbs in _CARRY.items()}
)
_STANDING: Final = "state, urgency, urgency_by, waiting_minute, answered, due_hour, language"
_BY_STAFF: Final = "holder, claimed_hour, read_up_to, epoch, outer_team, outer_client, channel"

GRANTS: Final[Mapping[Process, Mapping[str, tuple[str, ...]]]] = MappingProxyType(
    {
        "web": {
            **_COMMIT,
            **_CARRY_AND_CLEAR,
            "conversations": (*_FIRST, "DELETE", f"UPDATE ({_STANDING}, last_number)"),
            "messages": (*_FIRST, "DELETE"),
            "drafts": ("DELETE", "SELECT (conversation, staff)"),
            "outbox": _CLEAR_AWAY,
            "inbox": _CLEAR_AWAY,
            "addresses": ("DELETE", "SELECT (conversation, channel, slot, tag)"),
            "organisation": ("SELECT",),
        },
        "desk": {
            **_COMMIT,
            **_CARRY,
            "changes": ("INSERT", "SELECT"),
            "conversations": ("SELECT", f"UPDATE ({_STANDING}, last_number, {_BY_STAFF})"),
            "messages": _FIRST,
            "drafts": (*_FIRST, "DELETE"),
            "outbox": _FIRST,
            "addresses": ("SELECT (conversation, channel, until_hour)",),
            "staff": (*_FIRST, "DELETE"),
            "organisation": (*_FIRST, "DELETE"),
            "indicator_counts": (*_FIRST, "DELETE", "UPDATE (count)"),
        },
        "courier": {
            **_COMMIT,
            **_CARRY_AND_CLEAR,
            "conversations": (*_FIRST, "DELETE", f"UPDATE ({_STANDING}, last_number)"),
            "messages": (*_FIRST, "DELETE"),
            "drafts": _CLEAR_AWAY,
            "outbox": (
                "SELECT",
                "DELETE",
                "UPDATE (state, reason, tries, retry_minute, outer_item)",
            ),
            "inbox": (*_FIRST, "DELETE"),
            "addresses": (*_FIRST, "DELETE", "UPDATE (until_hour)"),
            "organisation": ("SELECT",),
        },
        "caretaker": {
            **_COMMIT,
            "meta": ("SELECT", "UPDATE (commit_counter, pairing, prune_below, prune_hour)"),
            "changes": ("INSERT", "DELETE", "SELECT", "UPDATE (conversation)"),
            "conversations": ("SELECT", "DELETE", "UPDATE (due_hour)"),
            "messages": _CLEAR_AWAY,
            "drafts": _CLEAR_AWAY,
            "outbox": _CLEAR_AWAY,
            "inbox": _CLEAR_AWAY,
            "addresses": ("DELETE", "SELECT (conversation, channel, slot, tag)"),
            "attachments": ("DELETE", "SELECT (conversation, id, message, chunks, hour)"),
            "attachment_chunks": ("DELETE", "SELECT (conversation, attachment, number)"),
        },
    }
)
"""For each process, each table it touches and how."""


def role_of(owner: str, process: Process) -> str:
    """The role's name."""
    return f"{owner}-{process}"


def quoted(name: str) -> str:
    """A name as SQL takes it, whatever stands in it."""
    return '"' + name.replace('"', '""') + '"'


def grants(owner: str) -> Iterator[str]:
    """What the owner says after each migration: everything taken away, then what is needed."""
    every = ", ".join(quoted(role_of(owner, process)) for process in PROCESSES)
    names = [table.name for table in (*tables.CONVERSATION_TABLES, *tables.OPERATION_TABLES)]
    for name in (*names, "alembic_version"):
        yield f"REVOKE ALL ON {name} FROM PUBLIC, {every}"
    for process, rights in GRANTS.items():
        role = quoted(role_of(owner, process))
        for name, verbs in rights.items():
            yield f"GRANT {', '.join(verbs)} ON {name} TO {role}"


def script(owner: str, database: str) -> str:
    """For `psql`, run once by a superuser, again after every change of it: roles and database."""
    roles = [owner, *(role_of(owner, process) for process in PROCESSES)]
    base = quoted(database)
    lines = [
        "-- Roles and database of Havenline. Run it as a superuser: … | psql -v ON_ERROR_STOP=1",
        *(_made(role) for role in roles),
        *(_silenced(role) for role in roles),
        _unless(
            f"SELECT FROM pg_database WHERE datname = {_text(database)}",  # quoted
            f"CREATE DATABASE {base} OWNER {quoted(owner)} ENCODING 'UTF8' TEMPLATE template0",
        ),
        f"REVOKE ALL ON DATABASE {base} FROM PUBLIC;",
        f"GRANT CONNECT ON DATABASE {base} TO {', '.join(quoted(role) for role in roles)};",
        f"\\connect {base}",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC;",
        f"GRANT USAGE, CREATE ON SCHEMA public TO {quoted(owner)};",
        f"GRANT USAGE ON SCHEMA public TO {', '.join(quoted(role) for role in roles[1:])};",
    ]
    return "\n".join(lines) + "\n"


def _unless(there: str, make: str) -> str:
    """For psql: run `make` where `there` finds nothing. CREATE DATABASE knows no IF NOT EXISTS."""
    return f"SELECT {_text(make)} WHERE NOT EXISTS ({there}) \\gexec"


def _made(role: str) -> str:
    there = f"SELECT FROM pg_roles WHERE rolname = {_text(role)}"
    least = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT"
    make = _unless(there, f"CREATE ROLE {quoted(role)}")
    return f"{make}\nALTER ROLE {quoted(role)} LOGIN {least};"


def _silenced(role: str) -> str:
    return "\n".join(
        f"ALTER ROLE {quoted(role)} SET {name} = {_text(value)};" for name, value in SILENT.items()
    )


def _text(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"
