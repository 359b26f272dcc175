"""Nonces, and answers that only their asker can read (docs/keeper.md, 2)."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

from intake_server.clock import Clock
from vault.keeper_protocol import NONCE_SIZE, Peer, Refused
from vault.sealing import Kind, pack, random_bytes, seal

LIFE: Final = 120.0  # seconds
HOUR: Final = 3600.0
MOST: Final = 16_384  # nonces kept for each peer


class Nonces:
    """Random numbers that a proof must sign, each good once, for a while, for one peer."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._given: Mapping[Peer, dict[bytes, float]] = {peer: {} for peer in Peer}

    def new(self, peer: Peer) -> bytes:
        """A nonce for this peer; where there are too many, its oldest goes."""
        given = self._given[peer]
        if len(given) >= MOST:
            del given[next(iter(given))]
        nonce = random_bytes(NONCE_SIZE)
        given[nonce] = self._clock.monotonic()
        return nonce

    def use(self, peer: Peer, nonce: bytes) -> bool:
        """Whether it is fresh and this peer's; it never is again."""
        made = self._given[peer].pop(nonce, None)
        return made is not None and self._clock.monotonic() - made <= LIFE


def sealed_answer(reply_key: bytes, nonce: bytes, *fields: bytes) -> bytes:
    """`seal(0x42, reply key, pack(nonce, …))`; raises Refused for a key nobody can have."""
    try:
        return seal(Kind.KEEPER_ANSWER, reply_key, pack(nonce, *fields))
    except ValueError:
        raise Refused("no answer can be sealed to this reply key") from None


class Rewrappings:
    """Which conversations were opened to be re-wrapped for the head epoch; in memory, a bit each.

    That opening is outside the budget, once: a stolen key opens no more with it than whoever
    re-wraps must open anyway.
    """

    def __init__(self, records: int) -> None:
        self._size = (records + 7) // 8
        self._epoch = 0
        self._opened = bytearray(self._size)

    def is_first(self, slot: int, head: int) -> bool:
        """Whether this slot was not opened so under this head epoch; it was from now on."""
        if head != self._epoch:
            self._epoch, self._opened = head, bytearray(self._size)
        at, bit = divmod(slot, 8)
        was = self._opened[at] & (1 << bit)
        self._opened[at] |= 1 << bit
        return not was


class LastOpened:
    """Which conversations each person opened last; in memory, so a restart forgets them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._by: dict[bytes, dict[bytes, None]] = {}

    def note(self, who: bytes, conversation_id: bytes) -> None:
        """They opened it now; of too many the longest ago goes."""
        opened = self._by.setdefault(who, {})
        opened.pop(conversation_id, None)
        if len(opened) >= self._most:
            del opened[next(iter(opened))]
        opened[conversation_id] = None

    def has(self, who: bytes, conversation_id: bytes) -> bool:
        """Whether it is among the last they opened."""
        return conversation_id in self._by.get(who, ())


class HourlyBudget:
    """So many openings an hour for each person; in memory, so a restart gives it anew."""

    def __init__(self, clock: Clock, size: int) -> None:
        self._clock = clock
        self._size = size
        self._spent: dict[bytes, deque[float]] = {}

    def spend(self, who: bytes) -> int:
        """0 where there was room, otherwise the seconds until there is."""
        now = self._clock.monotonic()
        spent = self._spent.setdefault(who, deque())
        while spent and now - spent[0] >= HOUR:
            spent.popleft()
        if len(spent) >= self._size:
            return max(1, round(HOUR - (now - spent[0])))
        spent.append(now)
        return 0
