"""How often strangers may ask for what the keeper keeps only so many of.

The keeper holds 16,384 nonces and drops the oldest for a new one. At this pace a nonce lives at
least 50 seconds, which is many times what a browser needs to sign with it.
"""

from collections.abc import Callable
from typing import Final

A_SECOND: Final = 300
AT_ONCE: Final = 400


class Pace:
    """So many at once, then so many a second; `now` is a clock that never goes back."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._left = float(AT_ONCE)
        self._at = now()

    def take(self) -> float:
        """Take one; 0, or how many seconds from now the next one is there."""
        now = self._now()
        self._left = min(AT_ONCE, self._left + (now - self._at) * A_SECOND)
        self._at = now
        if self._left < 1:
            return (1 - self._left) / A_SECOND
        self._left -= 1
        return 0.0
