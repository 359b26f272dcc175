"""What happens, as it happens, for everybody who has the desk open.

One task a process follows the database and keeps the newest changes in memory; each open stream
reads from there, and from the database only where it resumes from further back.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from vault.changes import Change
from vault.engine import DatabaseFailed

KEPT: Final = 5_000
_AGAIN_SECONDS: Final = 1.0

Fetch = Callable[[int], Awaitable[list[Change] | None]]
"""Changes after a number, oldest first; None where some of them were pruned."""


class Feed:
    """The newest changes, and a bell for who waits for more."""

    def __init__(
        self, fetch: Fetch, woken: Callable[[int], AsyncIterator[int]], newest: int
    ) -> None:
        """`fetch` reads changes; `woken` yields when there are some after a number.

        `newest` is the number of the newest change so far; what is before it is never kept.
        """
        self._fetch = fetch
        self._woken = woken
        self._kept: deque[Change] = deque(maxlen=KEPT)
        self._bell = asyncio.Event()
        self.newest = newest

    async def run(self) -> None:
        """Follow the database; runs as long as the process."""
        async for there in self._woken(self.newest):
            while self.newest < there:
                try:
                    await self._take(there)
                except DatabaseFailed:  # everybody stays signed in; it is told a moment later
                    await asyncio.sleep(_AGAIN_SECONDS)

    async def _take(self, there: int) -> None:
        fetched = await self._fetch(self.newest)
        if fetched:
            self._kept.extend(fetched)
            self.newest = fetched[-1].number
        else:
            self._kept.clear()
            self.newest = there
        self.ring()

    async def after(self, number: int) -> list[Change] | None:
        """What is known after `number`, maybe nothing; None where there is a gap."""
        if number >= self.newest:
            return []
        if self._kept and self._kept[0].number <= number + 1:
            return [change for change in self._kept if change.number > number]
        return await self._fetch(number)

    async def wait(self, number: int, seconds: float) -> None:
        """Return when there is something after `number`, or after so many seconds."""
        bell = self._bell  # before looking, so that nothing falls between
        if self.newest > number:
            return
        try:
            async with asyncio.timeout(seconds):
                await bell.wait()
        except TimeoutError:
            return

    def ring(self) -> None:
        """Wake everybody who waits, to look again."""
        self._bell.set()
        self._bell = asyncio.Event()
