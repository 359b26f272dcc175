"""What is said without a counsellor: fixed texts, after the commit, and never more than needed.

The first message of a new conversation is answered once: that it arrived, who reads it, how long
it is kept, what the app keeps. Before that the disappearing timer is set, never longer than the
policy keeps the conversation. A network that is away is asked a few times more; a text that could
not be said is not kept. What was erased is also removed from the channel, and from its network as
far as that can be done.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Final

from structlog.typing import FilteringBoundLogger

from bots.channel import (
    DAY,
    Channel,
    ChannelRefused,
    ChannelUnavailable,
    ChannelUncertain,
)
from intake_server.courier.answers import Answers
from triage.retention import Promise
from vault.sealing import ID_SIZE, random_bytes

TRIES: Final = (0.0, 5.0, 30.0, 120.0)  # seconds before each
LEAVE_SECONDS: Final = 2.0
_HOURS_A_DAY: Final = 24
_SECONDS_AN_HOUR: Final = 3_600


@dataclass(slots=True)
class Speech:
    """Says the organisation's fixed texts. `vanish_days`: the longest disappearing timer.

    `offer` ends the answer to a first message: what else there is, if anything.
    """

    answers: Answers
    vanish_days: int
    log: FilteringBoundLogger
    offer: str = ""
    _speaking: set[asyncio.Task[None]] = field(default_factory=set)

    def welcome(self, channel: Channel, address: str, promise: Promise, *, text_only: bool) -> None:
        """Answer a first message."""
        self._begin(self._welcome(channel, address, promise, text_only=text_only))

    def say(self, channel: Channel, address: str, text: str) -> None:
        """Say one text; nothing where it is switched off."""
        if text:
            self._begin(self._say(channel, address, text))

    def set_timer(self, channel: Channel, address: str, promise: Promise) -> None:
        """Have a chat's messages vanish by themselves, as a first message's answer does."""
        seconds = timer_seconds(promise, self.vanish_days)
        self._begin(self._tried(channel, lambda: channel.set_timer(address, seconds)))

    def part(self, channel: Channel, address: str, *, is_all: bool = True) -> None:
        """Confirm that all is erased, or this chat; then the channel forgets the address too."""
        said = self.answers.erased if is_all else self.answers.parted
        self._begin(self._part(channel, address, said))

    async def stop(self) -> None:
        """Let what is being said end; what only waits for its next try is dropped."""
        if self._speaking:
            _, late = await asyncio.wait(self._speaking, timeout=LEAVE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _begin(self, speaking: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(speaking)
        self._speaking.add(task)
        task.add_done_callback(self._speaking.discard)

    async def _welcome(
        self, channel: Channel, address: str, promise: Promise, *, text_only: bool
    ) -> None:
        seconds = timer_seconds(promise, self.vanish_days)
        await self._tried(channel, lambda: channel.set_timer(address, seconds))
        days = str(-(-promise.inactivity_hours // _HOURS_A_DAY))
        greeting = self.answers.acknowledgement.replace("{days}", days)
        offer = self.offer if greeting else ""
        texts = (greeting, offer, self.answers.text_only if text_only else "")
        said = "\n\n".join(filter(None, texts))
        if said:
            await self._say(channel, address, said)

    async def _say(self, channel: Channel, address: str, text: str) -> None:
        message_id = random_bytes(ID_SIZE)
        await self._tried(channel, lambda: channel.send(address, text, message_id))

    async def _part(self, channel: Channel, address: str, said: str) -> None:
        if said:
            await self._say(channel, address, said)
        await self._tried(channel, lambda: channel.forget(address))

    async def _tried(self, channel: Channel, call: Callable[[], Awaitable[object]]) -> None:
        for pause in TRIES:
            await asyncio.sleep(pause)
            try:
                await call()
            except ChannelUnavailable as reason:
                self.log.info("answer_waits", channel=channel.name, exc_info=reason)
            except (ChannelRefused, ChannelUncertain) as reason:
                self.log.info("answer_not_sent", channel=channel.name, exc_info=reason)
                return
            else:
                return


def timer_seconds(promise: Promise, vanish_days: int) -> int:
    """Return the disappearing timer: as set, and never longer than the conversation may live."""
    return min(vanish_days * DAY, promise.inactivity_hours * _SECONDS_AN_HOUR)
