"""How channels join the courier: each is made and started by itself, and tried again if need be.

One channel with a wrong setting, a missing account or a taken port must not keep the others, nor
the courier, from working. Until such a channel starts, `Absent` stands in its place: replies wait
as on a network that is away, and health says so. `why` holds a sentence on what a person must do.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Final

from structlog.typing import FilteringBoundLogger

from bots.attachments import Outgoing
from bots.channel import (
    Channel,
    ChannelCannotStart,
    ChannelHealth,
    ChannelUnavailable,
    Handler,
    Remains,
    Sent,
)
from intake_server.channel_health import CANNOT_START

TRY_AGAIN: Final = 30.0  # seconds until a channel that could not start is tried again
_UNKNOWN: Final = (
    "it failed in a way that nobody has thought of. The courier's log names the place in the code."
)


@dataclass(frozen=True, slots=True)
class Absent:
    """Stands for a channel that has not started; whatever is asked of it waits."""

    name: str
    sends_once: bool

    async def start(self, events: Handler) -> None:
        """Do nothing: nobody is there."""

    async def invite(self) -> str | None:
        """Return nothing."""
        return None

    async def send(self, address: str, text: str, message_id: bytes) -> Sent:  # noqa: ARG002 - the protocol's
        """Raise `ChannelUnavailable`, as all that follows."""
        raise ChannelUnavailable

    async def send_attachment(self, address: str, file: Outgoing, message_id: bytes) -> Sent:  # noqa: ARG002 - the protocol's
        """As `send`."""
        raise ChannelUnavailable

    async def delete(self, address: str, transport_id: str) -> None:  # noqa: ARG002 - the protocol's
        """As `send`."""
        raise ChannelUnavailable

    async def set_timer(self, address: str, seconds: int | None) -> None:  # noqa: ARG002 - the protocol's
        """As `send`."""
        raise ChannelUnavailable

    async def withdraw(self, address: str) -> Remains:  # noqa: ARG002 - the protocol's
        """As `send`."""
        raise ChannelUnavailable

    async def forget(self, address: str) -> None:  # noqa: ARG002 - the protocol's
        """As `send`."""
        raise ChannelUnavailable

    async def people(self) -> list[str]:
        """As `send`."""
        raise ChannelUnavailable

    def health(self) -> ChannelHealth:
        """Say that it does not start."""
        return ChannelHealth(connected=False, alarms=(CANNOT_START,))

    async def stop(self) -> None:
        """Do nothing."""


@dataclass(slots=True)
class Joining:
    """One channel of the settings. `sends_once` is known before it is made."""

    name: str
    sends_once: bool
    make: Callable[[], Awaitable[Channel]]
    log: FilteringBoundLogger
    why: str = ""  # a sentence for the operator while it does not start
    _trying: asyncio.Task[None] | None = None
    _channel: Channel | None = None
    _tried: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(
        self, channels: MutableMapping[str, Channel], handler: Callable[[Channel], Handler]
    ) -> None:
        """Put the channel into `channels`, started; where it does not start, go on trying.

        Returns after the first try.
        """
        channels[self.name] = Absent(self.name, self.sends_once)
        self._tried.clear()
        self._trying = asyncio.create_task(self._try(channels, handler))
        await self._tried.wait()

    async def stop(self) -> None:
        """Stop the channel, or stop trying."""
        trying, channel = self._trying, self._channel
        self._trying = self._channel = None
        if trying is not None:
            trying.cancel()
            await asyncio.gather(trying, return_exceptions=True)
        if channel is not None:
            await channel.stop()

    async def _try(
        self, channels: MutableMapping[str, Channel], handler: Callable[[Channel], Handler]
    ) -> None:
        while True:
            try:
                channel = await self._started(handler)
            except ChannelCannotStart as reason:
                self._tell(str(reason), reason)
            except Exception as reason:  # noqa: BLE001 - whatever a library throws, the others go on
                self._tell(_UNKNOWN, reason)
            else:
                self._channel = channels[self.name] = channel
                self.why = ""
                return
            finally:
                self._tried.set()
            await asyncio.sleep(TRY_AGAIN)

    async def _started(self, handler: Callable[[Channel], Handler]) -> Channel:
        channel = await self.make()
        try:
            await channel.start(handler(channel))
        except BaseException:
            with contextlib.suppress(Exception):
                await channel.stop()
            raise
        return channel

    def _tell(self, why: str, reason: Exception) -> None:
        if why != self.why:
            self.log.error("channel_cannot_start", channel=self.name, exc_info=reason)
        self.why = why
