"""A running core with the account in it: what it tells, and whether its mail server is there."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from bots.deltachat.core import Event
from bots.deltachat.sending import Sending
from bots.deltachat.session import Session

FIRST_PAUSE: Final = 0.2  # seconds before a core is started again, or a message handed over again
LONGEST_PAUSE: Final = 60.0
GATHER: Final = 0.4  # seconds without another mail: servers deliver side by side, out of order
LONGEST_GATHER: Final = 2.0  # seconds
_CONNECTED: Final = 3000  # of the core's measures of connectivity: it works or waits for mail
_SETTLE: Final = 5.0  # seconds that a new core has to connect before somebody is sent away


class Line:
    """One core, from its start to its end; `now` gives seconds since 1970."""

    def __init__(self, session: Session, now: Callable[[], int]) -> None:
        self.session = session
        self.connected = False
        self.arrived = asyncio.Event()
        self.removed = asyncio.Event()
        self.locks: dict[str, asyncio.Lock] = {}
        self.sending = Sending(session, now, lambda: self.connected, self.removed.set)
        self._moved = asyncio.Event()
        self._met = asyncio.Event()  # set once it was connected, or had its time for that

    async def settled(self) -> None:
        """Wait for the first connection of a core that has just begun."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE):
                await self._met.wait()
        self._met.set()

    async def gather(self) -> None:
        """Wait until what comes together has come, so that it can be put into its order."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_GATHER):
                while self.arrived.is_set():
                    self.arrived.clear()
                    await asyncio.sleep(GATHER)

    def hear(self, event: Event) -> None:
        """Be told what the core tells by itself."""
        match event.kind:
            case "EventChannelOverflow":
                self.sending.tries.missed()
                self.arrived.set()
            case "IncomingMsg" | "IncomingMsgBunch":
                self.arrived.set()
            case "Info" if isinstance(event.msg, str):
                self.sending.tries.hear(event.msg)
            case "MsgDelivered" | "MsgFailed":
                self.sending.changed()
            case "ConnectivityChanged":
                self._moved.set()

    async def watch_connection(self) -> None:
        """Know whether the server is there, and nudge the core as long as it is not."""
        pause = FIRST_PAUSE
        while True:
            self._moved.clear()
            self.connected = await self.session.ask(int, "get_connectivity") >= _CONNECTED
            self.sending.changed()
            if self.connected:
                pause = FIRST_PAUSE
                self._met.set()
                await self._moved.wait()
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._moved.wait()
                    continue
            await self.session.core.call("maybe_network")
            pause = min(2 * pause, LONGEST_PAUSE)
