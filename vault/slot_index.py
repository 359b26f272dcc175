"""Which slot belongs to a tag: a compact table in memory for the slot file.

Open addressing over one array of 64-bit words, so that a quarter of a million keys take 4 MiB and
no record is held in memory. An entry keeps 32 bits of the key's hash and the slot; whoever asks
compares the record itself. Clients choose their lookup tags, so the hash is the interpreter's
keyed one (SipHash, new at each start) and nobody can choose tags that collide.
"""

from __future__ import annotations

from array import array
from enum import IntEnum
from typing import Final

_HASH_BITS: Final = 32
_HASH_MASK: Final = (1 << _HASH_BITS) - 1


class Key(IntEnum):
    """What a slot is found by."""

    LOOKUP = 1
    CONVERSATION = 2
    ADDRESS = 3
    LOGIN = 4


class SlotIndex:
    """Tag → slots whose record may carry it.

    `records` is the number of slots; a record has at most two keys, and the table stays half empty.
    """

    def __init__(self, records: int) -> None:
        size = 16
        while size < 4 * records:
            size *= 2
        self._mask = size - 1
        self._table = array("Q", bytes(8 * size))

    def add(self, key: Key, tag: bytes, slot: int) -> None:
        """Remember that this slot carries the tag; twice is the same as once."""
        hashed = _hash(key, tag)
        entry = hashed << _HASH_BITS | slot + 1
        at = hashed & self._mask
        while self._table[at]:
            if self._table[at] == entry:
                return
            at = at + 1 & self._mask
        self._table[at] = entry

    def slots(self, key: Key, tag: bytes) -> list[int]:
        """The slots that may carry the tag; nearly always none or one."""
        hashed = _hash(key, tag)
        found = []
        at = hashed & self._mask
        while entry := self._table[at]:
            if entry >> _HASH_BITS == hashed:
                found.append((entry & _HASH_MASK) - 1)
            at = at + 1 & self._mask
        return found

    def remove(self, key: Key, tag: bytes, slot: int) -> None:
        """Forget that this slot carries the tag; moves back what had to give way to it."""
        hashed = _hash(key, tag)
        entry = hashed << _HASH_BITS | slot + 1
        at = hashed & self._mask
        while self._table[at] != entry:
            if not self._table[at]:
                return
            at = at + 1 & self._mask
        gap = at
        while True:
            at = at + 1 & self._mask
            moving = self._table[at]
            if not moving:
                break
            home = moving >> _HASH_BITS & self._mask
            # It may fill the gap unless its home lies between the gap and where it stands.
            if (at - home & self._mask) >= (at - gap & self._mask):
                self._table[gap] = moving
                gap = at
        self._table[gap] = 0


def _hash(key: Key, tag: bytes) -> int:
    return hash((key, tag)) & _HASH_MASK
