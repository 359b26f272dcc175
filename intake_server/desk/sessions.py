"""Who is signed in: tokens in the desk's memory, and nowhere else.

A token is 32 random bytes, given to the browser once and kept here as its hash. A session ends at
sign-out, ten hours after it began, after half an hour without any call, with the person's removal
and with the process. Times are those of a clock that never goes back, in seconds.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from vault.sealing import KEY_SIZE, labelled_hash, random_bytes

LONGEST: Final = 10 * 3600.0
IDLE: Final = 30 * 60.0
MOST_FOR_ONE: Final = 8  # of one person; the oldest goes


@dataclass(slots=True, eq=False)
class Session:
    """One sign-in of one person."""

    staff_id: bytes = field(repr=False)
    began: float
    last_call: float
    ended: bool = False
    streams: int = 0
    """How many event streams were opened; only the newest goes on."""


class Sessions:
    """All sessions of this process."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._by_hash: dict[bytes, Session] = {}

    def begin(self, staff_id: bytes) -> bytes:
        """Begin a session; the token."""
        self._sweep()
        own = [key for key, one in self._by_hash.items() if one.staff_id == staff_id]
        for key in own[: max(0, len(own) + 1 - MOST_FOR_ONE)]:
            self._by_hash.pop(key).ended = True
        token = random_bytes(KEY_SIZE)
        now = self._now()
        self._by_hash[_hash(token)] = Session(staff_id, now, now)
        return token

    def of(self, token: bytes) -> Session | None:
        """The living session of this token, its idle time begun anew; None for any other token."""
        session = self._by_hash.get(_hash(token))
        if session is None or not self.lives(session):
            return None
        session.last_call = self._now()
        return session

    def lives(self, session: Session) -> bool:
        """Whether a session goes on; for who holds one across time."""
        now = self._now()
        if now - session.began >= LONGEST or now - session.last_call >= IDLE:
            session.ended = True
        return not session.ended

    def end(self, session: Session) -> None:
        """End one session."""
        session.ended = True
        self._sweep()

    def end_all_of(self, staff_id: bytes) -> None:
        """End every session of a person who was removed."""
        for session in self._by_hash.values():
            if session.staff_id == staff_id:
                session.ended = True
        self._sweep()

    def end_all(self) -> None:
        """End every session: the process stops."""
        for session in self._by_hash.values():
            session.ended = True
        self._by_hash.clear()

    def _sweep(self) -> None:
        gone = [key for key, one in self._by_hash.items() if not self.lives(one)]
        for key in gone:
            del self._by_hash[key]


def _hash(token: bytes) -> bytes:
    """A look-up by hash takes a time that says nothing about the token."""
    return labelled_hash("session", token)
