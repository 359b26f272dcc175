"""What signal-cli has downloaded: fetched for the handler, and deleted when that is done.

Attachments lie in clear in signal-cli's folder, so none stays a moment longer than needed:

*   of a message that was stored, or refused: at once;
*   what no message of ours names goes when it was found twice, minutes apart. Not at once: its
    message may still wait in the socket that somebody holds open for us. While we cannot write,
    messages wait there for as long as that lasts, and nothing is looked for.

Messages that were forwarded name one file: it goes with the last of them.
"""

import contextlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from bots.attachments import AttachmentLost, Fetch, Lost
from bots.channel import ChannelUnavailable
from bots.signal.api import Api, ApiDown, ApiLimited, ApiRefused, ApiSilent

STRAY_SECONDS: Final = 300
"""For so long what no message names is left."""


@dataclass(slots=True)
class Downloads:
    """What is wanted yet, and what is to be deleted."""

    api: Api
    _wanted: Counter[str] = field(default_factory=Counter, repr=False)  # by how many messages
    _doomed: set[str] = field(default_factory=set, repr=False)
    _strays: set[str] = field(default_factory=set, repr=False)
    _looked_at: float | None = None

    @property
    def is_due(self) -> bool:
        """Whether something is to be deleted."""
        return bool(self._doomed)

    def keep(self, files: Iterable[str]) -> None:
        """Leave these, which one message names, until `done` with them."""
        names = set(filter(None, files))
        self._wanted.update(names)
        self._doomed -= names

    def done(self, files: Iterable[str]) -> None:
        """Have these deleted at the next look, but what another message wants yet.

        To be called once for a message, after `keep`.
        """
        names = set(filter(None, files))
        self._wanted -= Counter(names)  # drops what nobody wants any more
        self.refuse(names)

    def refuse(self, files: Iterable[str]) -> None:
        """As `done`, for a message that was never kept."""
        self._doomed |= set(filter(None, files)) - self._wanted.keys()

    def fetches(self, files: Iterable[str]) -> tuple[Fetch | None, ...]:
        """What gets each of these."""
        return tuple(self._fetch(name) if name else None for name in files)

    def _fetch(self, name: str) -> Fetch:
        async def fetch(most: int) -> bytes:
            try:
                return await self.api.attachment(name, most)
            except ApiRefused:
                raise AttachmentLost(Lost.GONE) from None
            except (ApiDown, ApiSilent, ApiLimited):
                raise ChannelUnavailable from None

        return fetch

    async def look(self, now: float, *, has_taken_all: bool = True) -> None:
        """Delete what is to go, and from time to time look for strays; raises what `api` raises.

        `has_taken_all`: whether messages are taken from the socket as they come.
        """
        if not has_taken_all:
            self._strays, self._looked_at = set(), now
        elif self._looked_at is None or now - self._looked_at >= STRAY_SECONDS:
            found = set(await self.api.attachments()) - self._wanted.keys()
            self._doomed |= found & self._strays
            self._strays, self._looked_at = found, now
        for name in list(self._doomed):
            if name not in self._doomed:
                continue  # a message that names it has come meanwhile
            with contextlib.suppress(ApiRefused):  # it is not there any more
                await self.api.delete_attachment(name)
            self._doomed.discard(name)
