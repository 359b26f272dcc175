"""Whether the database is there, of this version, and whose: known before anything opens it.

The supervisor lives as long as the hotline and should stay small. So it only peeks at the SQLite
file, and has `intake_server.prepare` make or upgrade the database in a process of its own.
"""

import asyncio
import contextlib
import sqlite3
import sys
from pathlib import Path

import msgspec

from intake_server.installation import sqlite_path
from intake_server.settings import DataSettings
from vault import private_files

# Not `vault.tables.SCHEMA`, which would load SQLAlchemy; a test compares the two.
_MIGRATIONS = Path(__file__).parents[1] / "vault" / "migrations" / "versions"
_PEEK = "SELECT version_num, hex(pairing) FROM alembic_version, meta"
_VERSION = "SELECT version_num FROM alembic_version"


class NotPrepared(Exception):
    """The database cannot be made, upgraded or opened; the text says why."""


class Prepared(msgspec.Struct, frozen=True):
    """Schema before (None: it was made now) and after; pairing in hexadecimal, None: unpaired."""

    before: str | None
    after: str
    pairing: str | None


def newest_schema() -> str:
    """The number of the newest migration."""
    return max(file.name for file in _MIGRATIONS.glob("[0-9]*.py")).partition("_")[0]


def peek(data: DataSettings) -> Prepared | None:
    """Tell whose a database of this version is; None where `prepare` must see to it."""
    version, pairing = _read(data, _PEEK) or ("", "")
    if version != newest_schema() or not pairing:
        return None
    return Prepared(version, version, pairing.lower())


def older_schema(data: DataSettings) -> str | None:
    """The schema of an SQLite file that an older version of Havenline made; None for any other.

    A database in PostgreSQL is asked by `prepare`, which refuses an older one.
    """
    (version,) = _read(data, _VERSION) or ("",)
    return version if version and version < newest_schema() else None


def _read(data: DataSettings, query: str) -> tuple[str, ...] | None:
    """The first row of an answer; None where there is no SQLite file, or it cannot answer."""
    path = sqlite_path(data)
    if path is None or not path.exists():
        return None
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1)
        with contextlib.closing(connection):
            row: tuple[str, ...] | None = connection.execute(query).fetchone()
            return row
    except sqlite3.Error:
        return None


async def see_to_database(
    data: DataSettings, pairing: bytes, *, is_fresh: bool, known: Prepared | None = None
) -> None:
    """See to it that the database is there, of this version, and belongs to the slot file.

    `pairing` is the slot file's; `is_fresh`: nobody was ever set up and nothing lives, so nothing
    could be lost and a database may be made. `known` is what `peek` found. Raises `NotPrepared`.
    """
    known = known or peek(data)
    if known is None:
        if (schema := older_schema(data)) is not None:
            raise NotPrepared(
                f"The database was made by an older version (schema {schema}, this one needs "
                f"{newest_schema()}). Run `havenline upgrade FILE`: it writes a backup to FILE "
                "first."
            )
        path = sqlite_path(data)
        if path is not None and not path.exists() and not is_fresh:
            raise NotPrepared(
                f"The slot file in {data.keeper_dir} holds keys, but there is no database in "
                f"{path.parent}. A new one would lose them. Put the database back, or run "
                "`havenline restore FILE` with a backup of it."
            )
        known = await prepare(data.database_url, pairing if is_fresh else None)
    if known.pairing != pairing.hex():
        raise NotPrepared(
            "The database and the slot file do not belong together, so nothing was started. Put "
            "the database of this slot file back, or run `havenline restore FILE` with a backup "
            "of it."
        )


def clear_upgrade_copies(data: DataSettings) -> None:
    """Overwrite and delete the copy that an upgrade made and a crash after it left behind.

    The copy of an upgrade that failed is kept until one has succeeded. Raises `NotPrepared`.
    """
    path = sqlite_path(data)
    if path is None or not path.exists() or older_schema(data) is not None:
        return
    try:
        for copy in sorted(path.parent.glob(f"{path.name}-before-*")):
            private_files.remove(copy)
    except OSError as error:
        raise NotPrepared(
            f"An earlier upgrade left a copy in {path.parent} that cannot be removed "
            f"({error.strerror}). Check who owns it."
        ) from None


async def prepare(url: str, pairing: bytes | None, *, upgrade: bool = False) -> Prepared:
    """Make the database or, asked to, upgrade it; with `pairing` bind it. Raises `NotPrepared`."""
    rest = ("--upgrade",) if upgrade else () if pairing is None else (pairing.hex(),)
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "intake_server.prepare", url, *rest),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        umask=0o077,
    )
    answer, complaint = await child.communicate()
    if child.returncode != 0:
        said = complaint.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise NotPrepared(f"The database cannot be used: {said[-1]}")
    return msgspec.json.decode(answer, type=Prepared)
