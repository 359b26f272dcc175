"""What the courier has sent: its own file, believed instead of the database.

Whoever owns the database could put an old, rightly signed reply into the outbox once more. The
courier therefore writes the id of each reply into this file, synced, *before* it sends, and never
sends an id that stands here.

| offset | size | field |
|---|---|---|
| 0 | 8 | `HLSENT1` and a zero byte |
| 8 | 24 each | state u8 · day since 1970 u24 · message id 16 · BLAKE2b-4 of the 20 bytes before |

States: 1 sending (nobody knows yet whether the network took it), 2 sent, 3 not taken (may be tried
again). The last record of an id counts. Records older than the longest life of a conversation are
dropped at start: what could be replayed then is forgotten and does not open any more.
"""

import hashlib
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final

from triage.retention import LONGEST_HOURS
from vault.sealing import ID_SIZE

MAGIC: Final = b"HLSENT1\0"
RECORD_SIZE: Final = 24
_PRIVATE: Final = stat.S_IRUSR | stat.S_IWUSR
_CHECKED: Final = 20
_SECONDS_A_DAY: Final = 86_400
KEPT_DAYS: Final = LONGEST_HOURS // 24 + 2  # two for rounding at both ends


class SendState(IntEnum):
    """What the file says about one message id."""

    SENDING = 1
    SENT = 2
    NOT_TAKEN = 3


class SentFileError(Exception):
    """The file of sent ids cannot be used; the text says what to do."""


@dataclass(frozen=True, slots=True)
class _Record:
    state: SendState
    day: int
    message_id: bytes


class SentFile:
    """The file, open for appending, with its ids in memory. One process opens it."""

    def __init__(self, handle: int, states: dict[bytes, SendState]) -> None:
        self._handle = handle
        self._states = states

    @classmethod
    def open(cls, path: Path, now: int) -> "SentFile":
        """Read `path`, or make it (mode 0600); `now` in seconds since 1970 says what is too old.

        A record that was being written when the machine stopped is cut off: its message was not
        sent yet. Raises `SentFileError` for damage anywhere else.
        """
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        records = _read(path) if path.exists() else []
        oldest = now // _SECONDS_A_DAY - KEPT_DAYS
        kept: dict[bytes, _Record] = {}
        for record in records:
            if record.day >= oldest:
                kept[record.message_id] = record
        _replace(path, kept.values())
        handle = os.open(path, os.O_WRONLY | os.O_APPEND)
        return cls(handle, {message: record.state for message, record in kept.items()})

    def state_of(self, message_id: bytes) -> SendState | None:
        """Say what the file knows about a message; None: nothing."""
        return self._states.get(message_id)

    def note(self, message_id: bytes, state: SendState, now: int) -> None:
        """Append and sync; blocks for the disk. Raises OSError, and then nothing may be sent."""
        record = _Record(state, now // _SECONDS_A_DAY, message_id)
        image = _image(record)
        before = os.fstat(self._handle).st_size
        if os.write(self._handle, image) != len(image):
            os.ftruncate(self._handle, before)
            raise OSError("the file of sent ids could not be extended: free some disk space")
        os.fdatasync(self._handle)
        self._states[message_id] = state

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)


def _image(record: _Record) -> bytes:
    checked = bytes((record.state,)) + record.day.to_bytes(3, "big") + record.message_id
    return checked + hashlib.blake2b(checked, digest_size=RECORD_SIZE - _CHECKED).digest()


def _read(path: Path) -> list[_Record]:
    content = path.read_bytes()
    if not content.startswith(MAGIC):
        raise SentFileError(f"{path}: is not the file of sent ids. Restore the right one.")
    body = content[len(MAGIC) :]
    whole = len(body) - len(body) % RECORD_SIZE
    records: list[_Record] = []
    for at in range(0, whole, RECORD_SIZE):
        image = body[at : at + RECORD_SIZE]
        record = _record(image)
        if record is None:
            raise SentFileError(
                f"{path}: record {at // RECORD_SIZE} is damaged. Check the disk; then move the "
                "file away and restart: replies of the last days could then be sent a second time."
            )
        records.append(record)
    return records


def _record(image: bytes) -> _Record | None:
    states = {state.value: state for state in SendState}
    state = states.get(image[0])
    if state is None:
        return None
    record = _Record(state, int.from_bytes(image[1:4], "big"), image[4 : 4 + ID_SIZE])
    return record if _image(record) == image else None


def _replace(path: Path, records: Iterable[_Record]) -> None:
    """Write the file anew, synced before it takes the place of the one before."""
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
    with os.fdopen(handle, "wb") as file:
        file.write(MAGIC + b"".join(map(_image, records)))
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
