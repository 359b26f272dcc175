"""What a channel refused: counts by reason, a burst of them, and who was told already.

A hotline to which unencrypted messages suddenly come in numbers is being probed, or a printed
invite is wrong: a person must look. Nothing is kept here but counts, times, and for a day the
addresses that have been told, in memory alone.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from bots.channel import DAY, Refusal

BURST: Final = 10  # so many refusals
BURST_SECONDS: Final = 600  # within so many seconds are a burst
ALARM: Final = "many_refused"
_MOST_TOLD: Final = 4_096


class Refusals:
    """Counts since the start. `now` is given in seconds since 1970."""

    def __init__(self) -> None:
        self._counts: Counter[Refusal] = Counter()
        self._recent: deque[int] = deque(maxlen=BURST)
        self._told: OrderedDict[str, int] = OrderedDict()

    def note(self, reason: Refusal, now: int) -> None:
        """Count one."""
        self._counts[reason] += 1
        self._recent.append(now)

    def counts(self) -> Mapping[Refusal, int]:
        """Return how many there were, by reason."""
        return MappingProxyType(dict(self._counts))

    def alarms(self, now: int) -> tuple[str, ...]:
        """Return the alarm's word while there is a burst."""
        full = len(self._recent) == BURST
        return (ALARM,) if full and now - self._recent[0] <= BURST_SECONDS else ()

    def may_tell(self, address: str, now: int) -> bool:
        """Say whether this address may be told today that nobody has read it, and remember it."""
        told = self._told.get(address)
        if told is not None and now - told < DAY:
            return False
        self._told[address] = now
        self._told.move_to_end(address)
        while len(self._told) > _MOST_TOLD:
            self._told.popitem(last=False)
        return True
