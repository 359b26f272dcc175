"""A message from a second account when nothing else comes: what does not arrive is an alarm.

Whatever arrives shows that the channel hears, so a canary is sent only after a while of silence: a
busy channel needs few, a quiet one some hundred small messages a day. From the last that arrived
to the alarm it is the pause and `SILENT`, whatever ails the channel.

It comes in like anybody's, through the whole channel, and ends here: nothing of it is stored,
answered or shown. Its text is made with the courier's key, so nobody else can have a message
taken for one, and one from before a restart is still known.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from structlog.typing import FilteringBoundLogger

from bots.canary import Voice
from bots.channel import Channel, ChannelCannotStart, ChannelUnavailable, Incoming
from intake_server.channel_health import CANARY_SILENT
from intake_server.clock import Clock
from intake_server.courier.own_keys import OwnKeys

SILENT: Final = 90.0  # seconds after which one that has not arrived is an alarm
TRY_AGAIN: Final = 30.0  # seconds after one that could not be sent
LOOK_EVERY: Final = 5.0
_FIRST: Final = "canary"
_PARTS: Final = 3

Take = Callable[[Channel, Incoming], Awaitable[None]]


@dataclass(slots=True)
class _State:
    """What is known of one channel's canary, in the clock's monotonic seconds."""

    next: float
    missing_since: float | None = None  # since the first one that has not arrived


@dataclass(slots=True)
class Canaries:
    """One voice for each channel that has one. `every`: seconds of silence before a message."""

    voices: Mapping[str, Voice]
    every: float
    keys: OwnKeys
    clock: Clock
    log: FilteringBoundLogger
    _states: dict[str, _State] = field(default_factory=dict)

    def before(self, take: Take) -> Take:
        """Return a handler that ends canaries here and gives all else to `take`."""

        async def handler(channel: Channel, incoming: Incoming) -> None:
            is_ours = self._is_ours(channel.name, incoming.text or "")
            if not is_ours:
                await take(channel, incoming)
            state = self._states.get(channel.name)
            if state is not None and (is_ours or state.missing_since is None):
                state.missing_since = None
                state.next = self.clock.monotonic() + self.every

        return handler

    def alarms(self) -> list[str]:
        """Return the alarm's word for each channel on which one is missing for too long."""
        return [f"{name}_{CANARY_SILENT}" for name in self._states if self.is_silent(name)]

    def is_silent(self, channel: str) -> bool:
        """Say whether a channel's canary is missing for too long."""
        state = self._states.get(channel)
        if state is None or state.missing_since is None:
            return False
        return self.clock.monotonic() - state.missing_since > SILENT

    async def run(self) -> None:
        """Send when it is time; runs as long as the process."""
        try:
            async with asyncio.TaskGroup() as group:
                for name in self.voices:
                    group.create_task(self._watch(name))
        finally:
            for voice in self.voices.values():
                await voice.close()

    async def _watch(self, name: str) -> None:
        """One channel by itself: a voice that is slow to send must not hold another one up."""
        while True:
            await self._look(name)
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Send on each channel where it is time."""
        await asyncio.gather(*(self._look(name) for name in self.voices))

    async def _look(self, name: str) -> None:
        now = self.clock.monotonic()
        state = self._states.setdefault(name, _State(now))
        if now < state.next:
            return
        state.missing_since = now if state.missing_since is None else state.missing_since
        state.next = now + self.every
        try:
            await self.voices[name].say(self._text(name))
        except (ChannelUnavailable, ChannelCannotStart) as reason:
            state.next = now + TRY_AGAIN
            self.log.info("canary_not_sent", channel=name, exc_info=reason)
        except Exception as reason:
            state.next = now + TRY_AGAIN
            self.log.warning("canary_not_sent", channel=name, exc_info=reason)

    def _text(self, channel: str) -> str:
        stamp = str(self.clock.unix())
        return f"{_FIRST} {stamp} {self._proof(channel, stamp)}"

    def _proof(self, channel: str, stamp: str) -> str:
        key = self.keys.channel_key("canary")
        return hmac.digest(key, f"{channel} {stamp}".encode(), "sha256").hex()[:32]

    def _is_ours(self, channel: str, text: str) -> bool:
        parts = text.strip().split(" ")
        if len(parts) != _PARTS or parts[0] != _FIRST:
            return False
        expected = self._proof(channel, parts[1])
        return hmac.compare_digest(expected.encode(), parts[2].encode())
