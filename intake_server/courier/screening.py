"""Having what arrived screened, after it is stored and acknowledged.

The line is bounded, and so is the time: what screening does not reach stays at urgency 1, marked
"not screened". The text waits here in memory, at most a minute, and nowhere else.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from structlog.typing import FilteringBoundLogger

from intake_server.courier.work import Work
from intake_server.roster_view import RosterView
from intake_server.screening_link import (
    ScreeningBusy,
    ScreeningLink,
    ScreeningRefused,
    ScreeningUnavailable,
)
from vault.engine import DatabaseFailed
from vault.keeper_client import KeeperDown
from vault.keeper_protocol import KeeperRefusal, Reference
from vault.messages import UnknownConversation
from vault.roster import RosterError
from vault.wraps import ScreeningCopy

LINE: Final = 1_000
AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class ToScreen:
    """A stored message with its text."""

    reference: Reference
    copy: ScreeningCopy = field(repr=False)


class Screening:
    """The line in front of the caretaker."""

    def __init__(
        self, link: ScreeningLink, roster: RosterView, work: Work, log: FilteringBoundLogger
    ) -> None:
        self._link = link
        self._roster = roster
        self._work = work
        self._log = log
        self._line: asyncio.Queue[ToScreen] = asyncio.Queue(LINE)
        self.passed_over = 0

    def offer(self, item: ToScreen) -> None:
        """Put a message into the line, or pass it over where the line is full."""
        try:
            self._line.put_nowait(item)
        except asyncio.QueueFull:
            self.passed_over += 1

    async def run(self) -> None:
        """Have screened what comes; runs as long as the process."""
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._work_off())

    async def _work_off(self) -> None:
        while True:
            await self._next()  # which keeps no text while it waits for the next

    async def _next(self) -> None:
        item = await self._line.get()
        try:
            await self._screen(item)
        except UnknownConversation:
            return  # erased meanwhile
        except _NOT_NOW as reason:
            self.passed_over += 1
            self._log.warning("not_screened", exc_info=reason)

    async def _screen(self, item: ToScreen) -> None:
        caretaker = (await self._roster.current()).roster.founding.caretaker_sign_key
        result = await self._link.screen_text(item.reference.packed, item.copy, caretaker)
        if result is not None:
            await self._work.store_finding(item.copy.conversation_id, item.copy.message_id, result)


_NOT_NOW: Final = (
    ScreeningBusy,
    ScreeningRefused,
    ScreeningUnavailable,
    KeeperDown,
    KeeperRefusal,
    RosterError,
    DatabaseFailed,
)
