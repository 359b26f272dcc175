"""The keeper's mirror: its files, sealed to a key that is kept offline.

Layout: `head ‖ stream`. Head: `"HLMIRROR" ‖ version u8 = 1 ‖ sealed box to the offline key of the
stream's key 32`. The stream is `vault.secretstream`'s, with the head as associated data; in it
stand `made u64 ‖ pairing id 16 ‖ u32 length ‖ roster.bin ‖ u32 length ‖ grants.bin ‖ slots.bin` to
the end. Numbers are big-endian. A mirror is overwritten by the next and never kept beside it: an
older one would open what was forgotten since.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from vault import private_files, secretstream
from vault.sealing import (
    BOX_OVERHEAD,
    KEY_SIZE,
    BoxKeys,
    CannotOpen,
    Secret,
    box_keys,
    box_open,
    box_seal,
    random_bytes,
)

NAME: Final = "havenline.mirror"
FRESH_SECONDS: Final = 2 * 3600
"""Older than this, a mirror is late."""

_MAGIC: Final = b"HLMIRROR\x01"
_HEAD_SIZE: Final = len(_MAGIC) + KEY_SIZE + BOX_OVERHEAD
_MANIFEST: Final = struct.Struct(">Q16sI")
_LENGTH: Final = struct.Struct(">I")
_LARGEST: Final = 64 << 20  # of roster or grants
_UNFINISHED: Final = ".unfinished"


class KeyFileRefused(Exception):
    """The offline key's file cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a mirror holds: when it was made (seconds since 1970), whose, and the files."""

    made: int
    pairing: bytes
    roster: bytes
    grants: bytes


def sealed_pieces(public: bytes, content: Content, slots: Iterable[bytes]) -> Iterator[bytes]:
    """The mirror, piece by piece; `slots` is the slot file, read while this goes on."""
    key = Secret(random_bytes(KEY_SIZE))
    head = _MAGIC + box_seal(public, key.reveal())
    yield head
    yield from secretstream.sealed(_plain(content, slots), key, head)


def _plain(content: Content, slots: Iterable[bytes]) -> Iterator[bytes]:
    yield _MANIFEST.pack(content.made, content.pairing, len(content.roster))
    yield content.roster + _LENGTH.pack(len(content.grants)) + content.grants
    yield from slots


def unseal(source: Path, keys: BoxKeys, slots: BinaryIO) -> Content:
    """Open a mirror; the slot file is written to `slots`. Raises CannotOpen, OSError.

    Use nothing of it before this has returned.
    """
    with source.open("rb") as file:
        head = file.read(_HEAD_SIZE)
        if len(head) != _HEAD_SIZE or not head.startswith(_MAGIC):
            raise CannotOpen
        key = Secret(box_open(keys, head[len(_MAGIC) :]))
        pieces = secretstream.opened(file, key, head)
        start = _at_least(_MANIFEST.size, b"", pieces)
        made, pairing, size = _MANIFEST.unpack(start[: _MANIFEST.size])
        start = _at_least(_bounded(size) + _LENGTH.size, start[_MANIFEST.size :], pieces)
        roster = start[:size]
        (size,) = _LENGTH.unpack(start[len(roster) : len(roster) + _LENGTH.size])
        start = _at_least(_bounded(size), start[len(roster) + _LENGTH.size :], pieces)
        slots.write(start[size:])
        slots.writelines(pieces)
    return Content(made, pairing, roster, start[:size])


def _bounded(size: int) -> int:
    if size > _LARGEST:
        raise CannotOpen
    return size


def _at_least(size: int, start: bytes, pieces: Iterator[bytes]) -> bytes:
    while len(start) < size:
        try:
            start += next(pieces)
        except StopIteration:
            raise CannotOpen from None
    return start


# --- on the other disk ----------------------------------------------------------------------


class Copy:
    """The mirror in its folder: written beside the one before, which it then overwrites.

    The other disk may be a stick with a file system that knows no owners and modes.
    """

    def __init__(self, folder: Path) -> None:
        self.place = folder / NAME
        self._new = folder / (NAME + _UNFINISHED)

    def begin(self) -> BinaryIO:
        """A file for the new one; what a crash left of another is overwritten. Raises OSError.

        Whoever writes it, it belongs to the folder's owner, who may write the next one.
        """
        private_files.remove(self._new)
        file = private_files.create(self._new)
        with contextlib.suppress(PermissionError):
            private_files.settle(self._new, self._new.parent)
        return file

    def finish(self, file: BinaryIO) -> None:
        """Put the new one in place, and overwrite what stood there. Raises OSError."""
        private_files.sync(file)
        file.close()
        old = self.place.open("r+b") if self.place.is_file() else None
        try:
            self._new.replace(self.place)
            private_files.sync_folder(self.place.parent)
            if old is not None:
                private_files.overwrite(old)
        finally:
            if old is not None:
                old.close()

    def give_up(self, file: BinaryIO) -> None:
        """Remove what was begun; the one before stays."""
        file.close()
        private_files.remove(self._new)


# --- the offline key ------------------------------------------------------------------------


def new_offline_key(path: Path) -> bytes:
    """Make the offline key in a new file, and return its public half. Raises OSError."""
    secret = random_bytes(KEY_SIZE)
    with private_files.create(path) as file:
        file.write(secret)
        private_files.sync(file)
    private_files.sync_folder(path.parent)
    return box_keys(Secret(secret)).public


def offline_keys(path: Path) -> BoxKeys:
    """The offline key in a file. Raises KeyFileRefused, OSError."""
    if path.stat().st_size != KEY_SIZE:
        raise KeyFileRefused(f"{path} is not the mirror's key: that file has {KEY_SIZE} bytes")
    return box_keys(Secret(path.read_bytes()))
