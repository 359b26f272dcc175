"""How much one conversation may send in an hour; kept in memory only.

Counted are messages that were stored, by the conversation's lookup tag. A sign of danger is
counted and never held up. A restart forgets all counts: that errs on the client's side.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

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

    def check(self, tag: bytes, *, danger: bool) -> None:
        """Raise TooMany where the next message must wait."""
        times = self._recent(tag)
        if not danger and times is not None and len(times) >= self._an_hour:
            raise TooMany(self._an_hour, times[-self._an_hour] + HOUR - self._now())

    def count(self, tag: bytes) -> None:
        """Count a message that was stored."""
        if len(self._stored) > _SWEEP_ABOVE:
            for one in list(self._stored):
                self._recent(one)
        self._stored.setdefault(tag, deque(maxlen=self._an_hour)).append(self._now())

    def forget(self, tag: bytes) -> None:
        """Drop the count of a conversation that was erased."""
        self._stored.pop(tag, None)

    def _recent(self, tag: bytes) -> deque[float] | None:
        """The times of the last hour, or None; what is older is dropped."""
        times = self._stored.get(tag)
        if times is None:
            return None
        while times and times[0] <= self._now() - HOUR:
            times.popleft()
        if not times:
            del self._stored[tag]
            return None
        return times
