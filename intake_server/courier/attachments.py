"""Attachments of messengers on their way in: fetched, cleaned, sealed, and named by a message.

Theory of operation
-------------------
1.  Words never wait for a file: they are stored and screened before anything is fetched.
2.  One attachment after another: at most ten megabytes of it are fetched, cleaned as on the page
    (`triage.attached`), sealed in chunks, and stored. Chunks belong to nothing until the message
    that names them is committed; what a crash leaves goes with the sweep, and the channel hands
    the message over again.
3.  Nothing is written to a disk here. At most two files are in memory at a time.
4.  What cannot be kept is said in the conversation, with the reason, in place of the file. A
    network that does not give one is asked again for two minutes; then the message goes without it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from structlog.typing import FilteringBoundLogger

from bots.attachments import AttachmentLost, Fetch, Lost
from bots.channel import Channel, ChannelUnavailable, Incoming
from intake_server.attachment_settings import AttachmentSettings
from intake_server.clock import Clock
from intake_server.courier.parts import MARKS
from intake_server.courier.work import Work
from triage.attached import UnreadableFileError, clean, kind_of
from vault.attachment_format import (
    KINDS,
    LARGEST,
    MOST_IN_A_MESSAGE,
    Described,
    TooLarge,
    describe,
    seal_chunks,
    write_list,
)
from vault.attachments import PER_REQUEST, Arriving, NoRoom, limits_of
from vault.sealing import ID_SIZE, random_bytes

PATIENCE: Final = 120.0  # seconds for which a network that does not give a file is asked again
AT_A_TIME: Final = 2
_ONE: Final = 90.0  # seconds for one file
_MOST_LATE: Final = 1_000

TOO_MANY: Final = "[too many]"
WRONG_KIND: Final = "[wrong kind]"
NO_ROOM: Final = "[no room]"
LOST: Final = MappingProxyType({reason: f"[{reason.value}]" for reason in Lost})
"""Stand behind what came (`parts.MARKS`) and say why it was left out; the desk has the words."""


class LeftOut(Exception):
    """One attachment is not kept; `mark` says why."""

    def __init__(self, mark: str) -> None:
        super().__init__(mark)
        self.mark = mark


@dataclass(slots=True)
class Brought:
    """What became of the attachments of one message: those that are stored, and marks of others."""

    message_id: bytes = field(repr=False)
    described: list[Described] = field(default_factory=list, repr=False)
    left_out: list[str] = field(default_factory=list)

    @property
    def ids(self) -> tuple[bytes, ...]:
        """The ids of those that are stored."""
        return tuple(one.id for one in self.described)

    @property
    def texts(self) -> list[str]:
        """What is said of them: first what names those that are stored, then the marks."""
        named = [write_list(self.described)] if self.described else []
        return [*named, " ".join(self.left_out)] if self.left_out else named


@dataclass(slots=True)
class Bringing:
    """Takes attachments in, for all channels."""

    work: Work
    settings: AttachmentSettings
    clock: Clock
    log: FilteringBoundLogger
    _late: dict[bytes, float] = field(default_factory=dict)  # since when a message is tried
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_A_TIME))

    def takes(self, channel: Channel, incoming: Incoming) -> bool:
        """Whether something came that may be kept."""
        return self.settings.allows(channel.name) and any(incoming.fetches)

    async def bring(
        self, conversation: bytes, channel: Channel, incoming: Incoming, transport: bytes
    ) -> Brought:
        """Store what can be kept, for the message that will name it.

        Raises `ChannelUnavailable` to be asked again, and what the database raises.
        """
        brought = Brought(random_bytes(ID_SIZE))
        for kind, fetch in zip(incoming.attachments, _padded(incoming), strict=True):
            try:
                async with self._places:
                    one = await self._one(conversation, brought, fetch, transport)
            except LeftOut as left_out:
                brought.left_out += filter(None, [MARKS[kind], left_out.mark])
                self.log.info("attachment_left_out", channel=channel.name, why=left_out.mark)
            else:
                brought.described.append(one)
        self._late.pop(transport, None)
        return brought

    async def _one(
        self, conversation: bytes, brought: Brought, fetch: Fetch | None, transport: bytes
    ) -> Described:
        """Store one; raises `LeftOut`, and as `bring`."""
        if len(brought.described) == MOST_IN_A_MESSAGE:
            raise LeftOut(TOO_MANY)
        if fetch is None:
            raise LeftOut("")
        data = await self._fetched(fetch, transport)
        kind, cleaned = await asyncio.to_thread(_cleaned, data)
        del data
        try:
            one = describe(kind, len(cleaned))
            await self._store(one, conversation, brought.message_id, cleaned)
        except TooLarge:
            raise LeftOut(LOST[Lost.TOO_LARGE]) from None
        except NoRoom:
            raise LeftOut(NO_ROOM) from None
        return one

    async def _fetched(self, fetch: Fetch, transport: bytes) -> bytes:
        try:
            async with asyncio.timeout(_ONE):
                return await fetch(LARGEST)
        except AttachmentLost as lost:
            raise LeftOut(LOST[lost.reason]) from None
        except (ChannelUnavailable, TimeoutError):
            now = self.clock.monotonic()
            if len(self._late) > _MOST_LATE:
                self._late.clear()
            if now - self._late.setdefault(transport, now) < PATIENCE:
                raise ChannelUnavailable from None
            raise LeftOut(LOST[Lost.GONE]) from None

    async def _store(
        self, one: Described, conversation: bytes, message: bytes, data: bytes
    ) -> None:
        limits = limits_of(self.settings.conversation_megabytes, self.settings.total_megabytes)
        first, waiting = 0, list[bytes]()
        for sealed in seal_chunks(one, conversation, message, data):
            waiting.append(sealed)
            if first + len(waiting) == one.chunks or len(waiting) == PER_REQUEST:
                new = Arriving(one.id, conversation, one.chunks, first, waiting)
                await self.work.arrive(new, limits)
                first, waiting = first + len(waiting), []


def _padded(incoming: Incoming) -> Sequence[Fetch | None]:
    missing = len(incoming.attachments) - len(incoming.fetches)
    return (*incoming.fetches, *[None] * missing)


def _cleaned(data: bytes) -> tuple[str, bytes]:
    """Its kind by its beginning, and what is left of it; raises `LeftOut`."""
    kind = kind_of(data)
    if kind not in KINDS:
        raise LeftOut(WRONG_KIND)
    try:
        return kind, clean(kind, data)
    except UnreadableFileError:
        raise LeftOut(LOST[Lost.DAMAGED]) from None
