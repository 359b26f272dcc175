"""Backups of a database in PostgreSQL: pg_dump's archive inside the same encrypted file.

The archive and what the manifest says of it are of one moment: pg_dump reads the snapshot in which
the identity was read. Restoring replaces the tables in one transaction, whole or not at all.
PostgreSQL's own programs do it; no value is on a command line, and their words are not repeated.
Source: postgresql.org/docs/15/app-pgdump.html and …/app-pgrestore.html.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo

from vault import private_files, tables
from vault.backend import DatabaseFailed
from vault.backup import (
    DUMP_NAME,
    BackupRefused,
    BackupReport,
    Identity,
    KeyFile,
    Passphrase,
    only_one_in,
    write_around,
)
from vault.engine_postgres import PostgresBackend, schema_of
from vault.postgres_server import Server, connect, failure_of, server_of, where_is
from vault.schema_postgres import grant_anew, migrate

_DEBIAN: Final = Path("/usr/lib/postgresql")
_MOMENT: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_IDENTITY: Final = "SELECT pairing, commit_counter, pg_export_snapshot() FROM meta"


def write_backup(
    url: str,
    folder: Path,
    extra_files: Mapping[str, Path],
    target: Path,
    key: Passphrase | KeyFile,
) -> BackupReport:
    """Write a backup of a database that may be in use, as `vault.backup.write_backup` does.

    The archive lies in `folder` meanwhile, and is overwritten and deleted.
    Raises BackupRefused, DatabaseFailed, OSError; then there is no new file.
    """
    if target.exists():
        raise BackupRefused("there is a file of this name already: choose another name")
    private_files.make_folder(folder)
    copy = folder / "havenline.pgdump-backup"
    with only_one_in(folder):
        private_files.remove(copy)  # what a crash may have left
        try:
            identity = _dump(server_of(url), copy)
            return write_around(copy, DUMP_NAME, identity, extra_files, target, key)
        finally:
            private_files.remove(copy)


def _dump(server: Server, copy: Path) -> Identity:
    """Write the archive; what it is a copy of."""
    with contextlib.closing(connect(server, None)) as raw:
        schema = schema_of(raw)
        try:
            raw.execute(_MOMENT)
            row = raw.execute(_IDENTITY).fetchone()
        except psycopg.Error as error:
            raise failure_of(error) from None
        if row is None or schema is None:
            raise DatabaseFailed("there are no tables to back up")
        pairing, counter, snapshot = row
        private_files.create(copy).close()
        options = ("--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}")
        _run(server, "pg_dump", (*options, f"--file={copy}"))
    with copy.open("r+b") as file:
        private_files.sync(file)
    paired = bytes(pairing) if isinstance(pairing, bytes) else None
    return Identity(schema, paired, int(str(counter)))


def replace_database(url: str, archive: Path) -> None:
    """Put the archive's tables in the place of those that are there, in one transaction.

    Then bring them to this version's schema. Nothing else may use the database.
    Raises BackupRefused, DatabaseFailed; then it is as it was.
    """
    server = server_of(url)
    options = ("--clean", "--if-exists", "--single-transaction", "--no-owner", "--no-privileges")
    _run(server, "pg_restore", (*options, "--exit-on-error", str(archive)))
    migrate(url)  # the archive may be of an older version
    grant_anew(server)
    with contextlib.suppress(DatabaseFailed):  # autovacuum does it too, minutes later
        PostgresBackend(server, None).vacuum()


def check_archive(archive: Path, schema: str) -> None:
    """Refuse an archive that pg_restore cannot read, or that is newer than this version."""
    if schema > tables.SCHEMA:
        raise BackupRefused("this backup was made by a newer version of Havenline: install it")
    done = subprocess.run(  # noqa: S603  # a program of PostgreSQL's and our own file
        [_program("pg_restore"), "--list", str(archive)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise BackupRefused("the database in this backup is damaged: restore an older backup")


def _run(server: Server, name: str, options: Sequence[str]) -> None:
    where = make_conninfo("", **where_is(server, None))
    done = subprocess.run(  # noqa: S603  # a program of PostgreSQL's and options of ours
        [_program(name), "--no-password", f"--dbname={where}", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # it could quote a row
        check=False,
        umask=0o077,
    )
    if done.returncode != 0:
        raise DatabaseFailed(
            f"{name} did not do it (exit code {done.returncode}): is its version the server's, or "
            "newer, and does the database let the owner in?"
        )


def _program(name: str) -> str:
    """The newest of Debian's, else what is on the path. Raises BackupRefused."""
    found = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=lambda at: _version(at.parent.parent.name))
    path = str(found[-1]) if found else shutil.which(name)
    if path is None or not os.access(path, os.X_OK):
        raise BackupRefused(f"{name} is missing: apt-get install postgresql-client")
    return path


def _version(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.split(".") if part.isdigit())
