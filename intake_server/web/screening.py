"""Handing screening copies to the caretaker, after and never before a message is acknowledged.

What waits is bounded; beyond that, and where the caretaker cannot be reached for a minute, the
message stays as it was stored: urgency 1, not screened. While many messages arrive at once,
screening stands back, so that storing is never late because of it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from structlog.typing import FilteringBoundLogger

from intake_server.screening_link import (
    Screened,
    ScreeningBusy,
    ScreeningLink,
    ScreeningRefused,
    ScreeningUnavailable,
)
from vault.wraps import ScreeningCopy

BACKLOG: Final = 2_000
AT_ONCE: Final = 2
CALM: Final = 4  # messages being stored at the same moment; above it screening stands back
GATHERING: Final = 0.05  # seconds; findings that come within it share one commit
LONGEST_PAUSE: Final = 0.25  # seconds; a flood slows screening down, it does not stop it


@dataclass(frozen=True, slots=True)
class ToScreen:
    """A stored message and its copy: sealed by a browser, or the words that the form path saw."""

    reference: bytes
    conversation_id: bytes = field(repr=False)
    message_id: bytes = field(repr=False)
    copy: bytes | ScreeningCopy = field(repr=False)


Store = Callable[[ToScreen, Screened], Awaitable[None]]


class Screening:
    """A bounded line of messages in front of the caretaker."""

    def __init__(
        self,
        link: ScreeningLink,
        caretaker_sign: Callable[[], bytes | None],
        store: Store,
        log: FilteringBoundLogger,
    ) -> None:
        """`caretaker_sign` gives the caretaker's key in the roster, `store` keeps a finding."""
        self._link = link
        self._caretaker_sign = caretaker_sign
        self._store = store
        self._log = log
        self._line: asyncio.Queue[ToScreen] = asyncio.Queue(BACKLOG)
        self._found: asyncio.Queue[tuple[ToScreen, Screened]] = asyncio.Queue(BACKLOG)
        self._arriving = 0
        self._calm = asyncio.Event()
        self._calm.set()
        self.passed_over = 0

    @contextlib.contextmanager
    def arrival(self) -> Iterator[None]:
        """Mark the time in which a message is being stored."""
        self._arriving += 1
        if self._arriving > CALM:
            self._calm.clear()
        try:
            yield
        finally:
            self._arriving -= 1
            if self._arriving <= CALM:
                self._calm.set()

    def offer(self, item: ToScreen) -> None:
        """Put a stored message into the line, or pass it over where the line is full."""
        try:
            self._line.put_nowait(item)
        except asyncio.QueueFull:
            self.passed_over += 1

    @property
    def behind(self) -> bool:
        """Whether the line is more than half full."""
        return self._line.qsize() > BACKLOG // 2

    async def run(self) -> None:
        """Screen what comes; runs as long as the process."""
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._work_off())
            group.create_task(self._keep())

    # What waits for the next message holds none of the last: a text in a variable of a loop would
    # stay in memory until somebody else writes.

    async def _work_off(self) -> None:
        while True:
            await self._next()

    async def _next(self) -> None:
        item = await self._line.get()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_PAUSE):
                await self._calm.wait()
        try:
            result = await self._screen(item)
            if result is not None:
                await self._found.put((item, result))
        except (ScreeningBusy, ScreeningRefused, ScreeningUnavailable) as reason:
            self.passed_over += 1
            self._log.warning("not_screened", exc_info=reason)

    async def _keep(self) -> None:
        while True:
            await self._keep_some()

    async def _keep_some(self) -> None:
        """Store what was found; a commit of its own for each would cost arrivals their turn."""
        found = [await self._found.get()]
        await asyncio.sleep(GATHERING)
        while not self._found.empty():
            found.append(self._found.get_nowait())
        await asyncio.gather(*(self._store(item, result) for item, result in found))

    async def _screen(self, item: ToScreen) -> Screened | None:
        if isinstance(item.copy, bytes):
            return await self._link.screen(
                item.reference, item.conversation_id, item.message_id, item.copy
            )
        signer = self._caretaker_sign()
        if signer is None:
            return None
        return await self._link.screen_text(item.reference, item.copy, signer)
