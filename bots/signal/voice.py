"""The second Signal account, on the same server as the hotline's (see `bots.canary`)."""

import asyncio
from pathlib import Path

from bots.channel import ChannelCannotStart, ChannelUnavailable
from bots.signal.api import Api, ApiDown, ApiLimited, ApiRefused, ApiSilent
from bots.signal.set_up import read_invite


class SignalVoice:
    """Writes from `number` to whoever is behind the invite in the hotline's `folder`."""

    def __init__(self, url: str, number: str, folder: Path) -> None:
        self._api = Api(url, number)
        self._folder = folder

    async def say(self, text: str) -> None:
        """Send to the invite's link, as who scanned it does."""
        invite = await asyncio.to_thread(read_invite, self._folder)
        if invite is None:
            raise ChannelCannotStart("there is no invite yet: havenline channels add signal")
        await self._api.open()
        try:
            answer = await self._api.send(invite, text)
        except (ApiDown, ApiSilent, ApiLimited, ApiRefused):
            raise ChannelUnavailable from None
        finally:
            await self._api.close()
        if answer.failures:
            raise ChannelUnavailable

    async def close(self) -> None:
        """Do nothing: nothing stays open."""
