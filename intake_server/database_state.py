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

# Not `vault.tables.SCHEMA`, which would load SQLAlchemy; a test compares the two.
_MIGRATIONS = Path(__file__).parents[1] / "vault" / "migrations" / "versions"
_PEEK = "SELECT version_num, hex(pairing) FROM alembic_version, meta"


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
    path = sqlite_path(data)
    if path is None or not path.exists():
        return None
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1)
        with contextlib.closing(connection):
            version, pairing = connection.execute(_PEEK).fetchone() or ("", "")
    except sqlite3.Error:
        return None
    if version != newest_schema() or not pairing:
        return None
    return Prepared(version, version, pairing.lower())


async def prepare(url: str, pairing: bytes | None) -> Prepared:
    """Make or upgrade the database; with `pairing` bind it. Raises `NotPrepared`."""
    rest = () if pairing is None else (pairing.hex(),)
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
