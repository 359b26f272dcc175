"""What the core leaves lying about, and how it goes.

The core overwrites what it deletes (`PRAGMA secure_delete`), but not at once: pages wait in its
write-ahead log, and files of attachments until it tidies up. It also keeps profile names and
pictures, which nobody here needs, and the keys of people whom it was told to drop. All this goes
while no core runs (it does not bear a second writer beside it), so the channel restarts it soon
after something was removed. It fits the version of the core that the lock file names, and says so
when it does not fit.
"""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bots.deltachat.session import DROPPED

_PATIENCE: Final = 2.0  # seconds for a core that is just ending
_NAMES: Final = """
    UPDATE contacts SET name = '', authname = '', status = '', param = '', name_normalized = NULL
    WHERE id > 9 AND (name <> '' OR authname <> '' OR status <> '' OR param <> '')
"""
_CHATS: Final = """
    UPDATE chats SET name = '', name_normalized = NULL, param = ''
    WHERE id > 9 AND type = 100 AND (name <> '' OR param <> '')
"""
_KEYS: Final = f"""
    DELETE FROM public_keys WHERE fingerprint NOT IN (SELECT fingerprint FROM contacts)
    AND '{DROPPED}' || fingerprint IN (SELECT keyname FROM config)
"""  # noqa: S608 - a constant of this module
_BARE: Final = """
    DELETE FROM contacts WHERE id > 9 AND fingerprint = ''
    AND id NOT IN (SELECT contact_id FROM chats_contacts) AND id NOT IN (SELECT from_id FROM msgs)
"""
"""Mail addresses that the core also keeps by themselves, as of somebody without a key."""

_FILES: Final = "SELECT param FROM msgs WHERE param LIKE '%$BLOBDIR/%'"
_NOTES: Final = f"DELETE FROM config WHERE keyname LIKE '{DROPPED}%'"  # noqa: S608 - for the same reason


class TracesKept(Exception):
    """The core's file could not be cleaned; the next time tries again."""

    def __init__(self) -> None:
        super().__init__("what the Delta Chat core left behind could not be removed now")


def wipe(state: Path) -> None:
    """Remove names, keys of people who were dropped, left files, and what the log still holds.

    No core may run on `state`. Messages that wait to be stored keep their attachments, which the
    core misses otherwise. Blocks for the disk. Raises `TracesKept`.
    """
    try:
        for file in state.glob("*/dc.db"):
            with contextlib.closing(_opened(file)) as database:
                _clean(database)
                waiting = "".join(row[0] for row in database.execute(_FILES))
            for left in _attachments(file):
                if left.name not in waiting:
                    left.unlink(missing_ok=True)
    except (sqlite3.Error, OSError):
        raise TracesKept from None


def _opened(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(file, timeout=_PATIENCE, isolation_level=None)
    database.execute("PRAGMA secure_delete = ON")
    return database


def _clean(database: sqlite3.Connection) -> None:
    for statement in (_NAMES, _CHATS, _BARE, _KEYS, _NOTES):
        database.execute(statement)
    busy, _, _ = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise TracesKept


def _attachments(database: Path) -> Iterator[Path]:
    folder = database.with_name("dc.db-blobs")
    if folder.is_dir():
        yield from (one for one in folder.iterdir() if one.is_file())
