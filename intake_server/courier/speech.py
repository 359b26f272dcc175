"""What is said without a counsellor: fixed texts, after the commit, and never more than needed.

The first message of a new conversation is answered once: that it arrived, who reads it, how long
it is kept, what the app keeps. Before that the disappearing timer is set, never longer than the
policy keeps the conversation. A network that is away is asked a few times more; a text that could
not be said is not kept.

Who erased everything hears one neutral word at once. Then what was said is withdrawn from network
and app as far as that can be done, and one message says what is left where: only while the person
still holds the phone, never tried again, because a message that comes later opens a chat that they
have deleted. It is the last one; then the channel forgets the address.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from structlog.typing import FilteringBoundLogger

from bots.channel import (
    DAY,
    Channel,
    ChannelRefused,
    ChannelUnavailable,
    ChannelUncertain,
    Remains,
)
from intake_server.courier.answers import Answers, Spoken
from triage.retention import Promise
from vault.sealing import ID_SIZE, random_bytes

T = TypeVar("T")

TRIES: Final = (0.0, 5.0, 30.0, 120.0)  # seconds before each
LEAVE_SECONDS: Final = 2.0
RECEIPT_WITHIN: Final = 30.0  # seconds after the confirmation; later the phone may lie elsewhere
_HOURS_A_DAY: Final = 24
_SECONDS_AN_HOUR: Final = 3_600


@dataclass(frozen=True, slots=True)
class Parting:
    """Who erased in a chat. `is_all`: nothing is kept here; else the page goes on without it."""

    channel: Channel
    address: str = field(repr=False)
    answers: Answers = field(repr=False)
    is_all: bool


@dataclass(slots=True)
class Speech:
    """Says the organisation's fixed texts. `vanish_days`: the longest disappearing timer.

    `offers` end the answer to a first message, by language: what else there is, if anything.
    `monotonic` gives seconds that never go back.
    """

    spoken: Spoken
    vanish_days: int
    log: FilteringBoundLogger
    monotonic: Callable[[], float]
    offers: Mapping[str, str] = field(default_factory=dict)
    _speaking: set[asyncio.Task[None]] = field(default_factory=set)
    _parting: set[tuple[str, str]] = field(default_factory=set, repr=False)

    def welcome(
        self,
        channel: Channel,
        address: str,
        promise: Promise,
        *,
        text_only: bool,
        language: str = "",
    ) -> None:
        """Answer a first message in its language; empty: the one of the page."""
        self._begin(self._welcome(channel, address, promise, text_only, language))

    def say(self, channel: Channel, address: str, text: str) -> None:
        """Say one text; nothing where it is switched off."""
        if text:
            self._begin(self._say(channel, address, text))

    def set_timer(self, channel: Channel, address: str, promise: Promise) -> None:
        """Have a chat's messages vanish by themselves, as a first message's answer does."""
        seconds = timer_seconds(promise, self.vanish_days)
        self._begin(self._tried(channel, lambda: channel.set_timer(address, seconds)))

    def part(self, parting: Parting, is_gone: Callable[[], Awaitable[bool]]) -> None:
        """Confirm that all is erased, or that this chat has ended; then the channel forgets it.

        `is_gone`: whether the person has not written again meanwhile.
        """
        self._begin(self._part(parting, is_gone))

    def is_parting(self, channel: str, address: str) -> bool:
        """Whether somebody is just being told that all is erased."""
        return (channel, address) in self._parting

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
        self,
        channel: Channel,
        address: str,
        promise: Promise,
        text_only: bool,  # noqa: FBT001 - handed on by `welcome`, which names it
        language: str,
    ) -> None:
        seconds = timer_seconds(promise, self.vanish_days)
        await self._tried(channel, lambda: channel.set_timer(address, seconds))
        days = str(-(-promise.inactivity_hours // _HOURS_A_DAY))
        code, answers = self.spoken.said_in(language)
        greeting = answers.acknowledgement.replace("{days}", days)
        offer = self.offers.get(code, "") if greeting else ""
        texts = (greeting, offer, answers.text_only if text_only else "")
        said = "\n\n".join(filter(None, texts))
        if said:
            await self._say(channel, address, said)

    async def _say(self, channel: Channel, address: str, text: str) -> None:
        message_id = random_bytes(ID_SIZE)
        await self._tried(channel, lambda: channel.send(address, text, message_id))

    async def _part(self, parting: Parting, is_gone: Callable[[], Awaitable[bool]]) -> None:
        channel, address, answers = parting.channel, parting.address, parting.answers
        self._parting.add((channel.name, address))
        try:
            until = self.monotonic() + RECEIPT_WITHIN
            said = answers.erased if parting.is_all else answers.parted
            if said:
                await self._say(channel, address, said)
            # Asked before each step: who writes anew meanwhile keeps the chat.
            if not await is_gone():
                return
            remains = await self._tried(channel, lambda: channel.withdraw(address))
            # Of a chat that a page let in, all is kept on: no receipt would be true.
            receipt = receipt_for(remains, answers) if remains and parting.is_all else ""
            if receipt and self.monotonic() <= until and await is_gone():
                await self._say_once(channel, address, receipt)
            if await is_gone():
                await self._tried(channel, lambda: channel.forget(address))
        finally:
            self._parting.discard((channel.name, address))

    async def _say_once(self, channel: Channel, address: str, text: str) -> None:
        try:
            await channel.send(address, text, random_bytes(ID_SIZE))
        except (ChannelUnavailable, ChannelRefused, ChannelUncertain) as reason:
            self.log.info("receipt_not_sent", channel=channel.name, exc_info=reason)

    async def _tried(self, channel: Channel, call: Callable[[], Awaitable[T]]) -> T | None:
        """What the channel answers; None where it does not, after a few tries."""
        for pause in TRIES:
            await asyncio.sleep(pause)
            try:
                return await call()
            except ChannelUnavailable as reason:
                self.log.info("answer_waits", channel=channel.name, exc_info=reason)
            except (ChannelRefused, ChannelUncertain) as reason:
                self.log.info("answer_not_sent", channel=channel.name, exc_info=reason)
                return None
        return None


def receipt_for(remains: Remains, answers: Answers) -> str:
    """Return the words for what an erasure left with the messenger; empty: nothing is said."""
    if not (remains.on_server or remains.in_app):
        return answers.left_nothing
    return answers.left_vanishing if remains.vanishes else answers.left_staying


def timer_seconds(promise: Promise, vanish_days: int) -> int:
    """Return the disappearing timer: as set, and never longer than the conversation may live."""
    return min(vanish_days * DAY, promise.inactivity_hours * _SECONDS_AN_HOUR)
