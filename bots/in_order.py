"""Handing over to the handler: one task for each address, in order, until it is stored.

Rules 2 to 4 of `bots/channel.py` for channels whose network hands over faster than the handler
stores. What waits is kept in memory here; where it comes from again after a restart is the
channel's own matter, told by `Arriving.stored`.
"""

import asyncio
from collections import defaultdict, deque
from typing import Final, Protocol

from bots.channel import ChannelUnavailable, Handler, Incoming

FIRST_PAUSE: Final = 0.2  # seconds before a message that could not be stored is handed over again
LONGEST_PAUSE: Final = 30.0


class Arriving(Protocol):
    """One message on its way to the handler."""

    async def read(self) -> Incoming | None:
        """Return what is handed over; None where nothing is.

        It may wait for what is needed to read it, and raise `ChannelUnavailable` to be asked
        again.
        """
        ...

    async def stored(self) -> None:
        """Acknowledge: the handler has it, or there was nothing to hand over. May raise the same.

        Asked again after `ChannelUnavailable`; the handler then is not.
        """
        ...


class InOrder:
    """What arrived and was not stored yet, address by address."""

    def __init__(self) -> None:
        self._events: Handler | None = None
        self._queues: defaultdict[str, deque[Arriving]] = defaultdict(deque)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def waiting(self) -> int:
        """How many messages were not stored yet."""
        return sum(len(queue) for queue in self._queues.values())

    def waits_for(self, address: str) -> bool:
        """Say whether something of this address was not stored yet."""
        return address in self._queues

    def start(self, events: Handler) -> None:
        """Hand over from now on."""
        self._events = events
        for address in list(self._queues):
            self._carry(address)

    def put(self, address: str, arriving: Arriving) -> None:
        """Add one message, after all others of its address."""
        self._queues[address].append(arriving)
        self._carry(address)

    async def stop(self) -> None:
        """Hand nothing over any more and forget what waits."""
        self._events = None
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
        self._queues.clear()

    def _carry(self, address: str) -> None:
        if self._events is None or address in self._tasks:
            return
        self._tasks[address] = asyncio.create_task(self._hand_over(address, self._events))

    async def _hand_over(self, address: str, events: Handler) -> None:
        queue = self._queues[address]
        while queue:
            await _until_stored(queue[0], events)
            queue.popleft()
        del self._queues[address], self._tasks[address]


async def _until_stored(arriving: Arriving, events: Handler) -> None:
    pause, handed_over = FIRST_PAUSE, False
    while True:
        wanted: float | None = None
        try:
            if not handed_over:
                incoming = await arriving.read()
                if incoming is not None:
                    await events(incoming)
                handed_over = True
            await arriving.stored()
        except ChannelUnavailable as unavailable:
            wanted = unavailable.retry_after
        else:
            return
        await asyncio.sleep(wanted or pause)
        pause = min(2 * pause, LONGEST_PAUSE)
