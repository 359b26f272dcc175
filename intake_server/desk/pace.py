"""How often strangers may ask for what the keeper keeps only so many of."""

from collections.abc import Callable
from typing import Final

A_SECOND: Final = 50.0
AT_ONCE: Final = 200.0


class Pace:
    """So many at once, then so many a second; `now` is a clock that never goes back."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._left = AT_ONCE
        self._at = now()

    def take(self) -> bool:
        """Take one; False where none is left for now."""
        now = self._now()
        self._left = min(AT_ONCE, self._left + (now - self._at) * A_SECOND)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
