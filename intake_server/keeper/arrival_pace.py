"""How fast new conversations are taken when the slot file fills up (docs/keeper.md, 1)."""

from __future__ import annotations

import math
from typing import Final

from intake_server.clock import Clock

A_SECOND: Final = 2.0
BURST: Final = 20.0


class ArrivalPace:
    """A bucket that holds BURST arrivals and gains A_SECOND; a restart fills it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left = BURST
        self._at = clock.monotonic()

    def spend(self) -> int:
        """0 where there was room for one more, otherwise the seconds until there is."""
        now = self._clock.monotonic()
        self._left = min(BURST, self._left + A_SECOND * (now - self._at))
        self._at = now
        if self._left < 1:
            return math.ceil((1 - self._left) / A_SECOND)
        self._left -= 1
        return 0
