"""Which conversation ids this keeper has forgotten: they are not taken again while it runs.

A request that made a conversation holds its keys. Played again after an erasure, it would bring
them back under a new shred key, and what a backup keeps of the conversation would open once more.
Requests are sealed to the start key, so those from before this start open no more and need no
memory (docs/decisions/0006).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Final

from vault.sealing import KEY_SIZE, Secret, mac, random_bytes

MOST: Final = 1 << 18  # ids in one table, which then takes 4 MiB; two tables are kept
_MARK_SIZE: Final = 8
_SMALLEST: Final = 1 << 10


class _Marks:
    """A set of 64-bit numbers in one array: open addressing, never more than half full."""

    def __init__(self) -> None:
        self._table = array("Q", bytes(_MARK_SIZE * _SMALLEST))
        self.number = 0

    def __contains__(self, mark: int) -> bool:
        return self._table[self._place(mark)] == mark

    def add(self, mark: int) -> None:
        """Keep a number other than 0, which stands for an empty place."""
        at = self._place(mark)
        if self._table[at] == mark:
            return
        self._table[at] = mark
        self.number += 1
        if 2 * self.number > len(self._table):
            self._grow()

    def _place(self, mark: int) -> int:
        return next(at for at in self._places(mark) if self._table[at] in (0, mark))

    def _places(self, mark: int) -> Iterator[int]:
        size = len(self._table)
        yield from ((mark + step) % size for step in range(size))

    def _grow(self) -> None:
        old = self._table
        self._table = array("Q", bytes(2 * _MARK_SIZE * len(old)))
        for mark in old:
            if mark:
                self._table[self._place(mark)] = mark


class ForgottenIds:
    """The ids forgotten since the start, as keyed hashes: in memory only, of no use outside it.

    Where more than `most` have been forgotten, the oldest go first: at least the latest `most`
    are known, at most twice as many.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._key = Secret(random_bytes(KEY_SIZE))
        self._now, self._before = _Marks(), _Marks()

    def add(self, conversation_id: bytes) -> None:
        """Remember it; to be done before the slot is freed, so that nobody comes in between."""
        if self._now.number >= self._most:
            self._now, self._before = _Marks(), self._now
        self._now.add(self._mark(conversation_id))

    def __contains__(self, conversation_id: bytes) -> bool:
        mark = self._mark(conversation_id)
        return mark in self._now or mark in self._before

    def _mark(self, conversation_id: bytes) -> int:
        return int.from_bytes(mac(self._key, conversation_id, _MARK_SIZE), "big") or 1
