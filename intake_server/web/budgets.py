"""How much one conversation may send in an hour; kept in memory only.

Counted are messages that were stored after the one that made the conversation, whichever way
they came, by the conversation's id. A sign of danger is counted and never held up. A restart
forgets all counts: that errs on the client's side.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final
from weakref import WeakValueDictionary

HOUR: Final = 3600.0
_SWEEP_ABOVE: Final = 10_000


class TooMany(Exception):
    """The budget of this hour is used up; the next message may come in `seconds`."""

    def __init__(self, budget: int, seconds: float) -> None:
        super().__init__("the budget of this hour is used up; a sign of danger still goes through")
        self.budget = budget
        self.seconds = seconds


class Budgets:
    """Counts messages of the last hour; `now` gives seconds of a clock that never goes back."""

    def __init__(self, an_hour: int, now: Callable[[], float]) -> None:
        self._an_hour = an_hour
        self._now = now
        self._stored: dict[bytes, deque[float]] = {}
        self._turns: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    def turn(self, conversation: bytes) -> asyncio.Lock:
        """Held from looking at a conversation's budget to counting, so that none slips between."""
        return self._turns.setdefault(conversation, asyncio.Lock())

    def spent(self, conversation: bytes, *, danger: bool, following: int = 0) -> TooMany | None:
        """What to raise where the next message, and so many after it, must wait; or None."""
        times, allowed = self._recent(conversation), max(1, self._an_hour - following)
        if danger or times is None or len(times) < allowed:
            return None
        return TooMany(self._an_hour, times[-allowed] + HOUR - self._now())

    def count(self, conversation: bytes) -> None:
        """Count a message that was stored."""
        if len(self._stored) > _SWEEP_ABOVE:
            for one in list(self._stored):
                self._recent(one)
        kept = self._stored.setdefault(conversation, deque(maxlen=self._an_hour))
        kept.append(self._now())

    def forget(self, conversation: bytes) -> None:
        """Drop the count of a conversation that was erased."""
        self._stored.pop(conversation, None)

    def _recent(self, conversation: bytes) -> deque[float] | None:
        """The times of the last hour, or None; what is older is dropped."""
        times = self._stored.get(conversation)
        if times is None:
            return None
        while times and times[0] <= self._now() - HOUR:
            times.popleft()
        if not times:
            del self._stored[conversation]
            return None
        return times
