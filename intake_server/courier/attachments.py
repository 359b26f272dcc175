"""Attachments of messengers on their way in: fetched, cleaned, sealed, and named by a message.

Theory of operation
-------------------
1.  Words never wait for a file: they are stored and screened before anything is fetched.
2.  One attachment after another: at most ten megabytes of it are fetched, cleaned as on the page
    (`triage.attached`), sealed in chunks, and stored. Chunks belong to nothing until the message
    that names them is committed; what a crash leaves goes with the sweep, and the channel hands
    the message over again. What this process has stored of it is not fetched again.
3.  Nothing is written to a disk here. Of each channel at most two files are in memory at a time.
4.  What cannot be kept is said in the conversation, with the reason, in place of the file. All
    files of a message have two minutes together, from the first try on and with all waiting; then
    the message goes without the others, and what the person wrote after it is stored.
5.  Where the conversation of a message that is tried again is gone, its client has erased it: the
    rest of the message is dropped, and its words do not come back.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from structlog.typing import FilteringBoundLogger

from bots.attachments import AttachmentLost, Fetch, Lost
from bots.channel import Attachment, Channel, ChannelUnavailable, Incoming
from intake_server.attachment_settings import AttachmentSettings
from intake_server.clock import Clock
from intake_server.courier.parts import MARKS, MOST_NAMED, TOO_MANY, marks_of
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

PATIENCE: Final = 120.0  # seconds for all files of one message, with all tries and waiting
AT_A_TIME: Final = 2  # files of one channel
_ONE: Final = 90.0  # seconds for one file
_AGAIN: Final = 5.0  # seconds until the network is asked again, where it names no time
_MOST_TRIED: Final = 1_000

WRONG_KIND: Final = "[wrong kind]"
NO_ROOM: Final = "[no room]"
LOST: Final = MappingProxyType({reason: f"[{reason.value}]" for reason in Lost})
"""Stand behind what came (`parts.MARKS`) and say why it was left out; the desk has the words."""


class LeftOut(Exception):
    """One attachment is not kept; `mark` says why."""

    def __init__(self, mark: str) -> None:
        super().__init__(mark)
        self.mark = mark


class AskedAgain(ChannelUnavailable):
    """The network does not give a file now. Nothing is wrong here: the words are stored."""


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


def left_with_the_messenger(incoming: Incoming) -> Brought:
    """What is said of attachments none of which is kept."""
    return Brought(random_bytes(ID_SIZE), left_out=marks_of(incoming))


@dataclass(slots=True)
class _Trying:
    """One message whose attachments are being taken in, from its first try to the last."""

    conversation: bytes = field(repr=False)
    until: float  # by the monotonic clock
    brought: Brought
    done: int = 0  # of its attachments


@dataclass(slots=True)
class Bringing:
    """Takes attachments in, for all channels."""

    work: Work
    settings: AttachmentSettings
    clock: Clock
    log: FilteringBoundLogger
    _tryings: dict[bytes, _Trying] = field(default_factory=dict, repr=False)
    _places: defaultdict[str, asyncio.Semaphore] = field(
        default_factory=lambda: defaultdict(lambda: asyncio.Semaphore(AT_A_TIME))
    )

    def takes(self, channel: Channel, incoming: Incoming) -> bool:
        """Whether something came that may be kept."""
        return self.settings.allows(channel.name) and any(incoming.fetches)

    def belongs_to(self, transport: bytes) -> bytes | None:
        """The conversation of a message that was tried before, by this process; None: not tried."""
        trying = self._tryings.get(transport)
        return None if trying is None else trying.conversation

    def end(self, transport: bytes) -> None:
        """Nothing of this message is tried again from where it stopped."""
        self._tryings.pop(transport, None)

    async def bring(
        self, conversation: bytes, channel: Channel, incoming: Incoming, transport: bytes
    ) -> Brought:
        """Store what can be kept, for the message that will name it; after it comes `end`.

        Raises `AskedAgain`, and what the database raises; then it goes on where it stopped.
        """
        trying = self._trying(conversation, transport)
        files = list(zip(incoming.attachments, _padded(incoming), strict=True))
        for kind, fetch in files[trying.done : MOST_NAMED]:
            try:
                await self._one(trying, channel, fetch)
            except LeftOut as left_out:
                trying.brought.left_out += filter(None, [MARKS[kind], left_out.mark])
                self.log.info("attachment_left_out", channel=channel.name, why=left_out.mark)
            except AskedAgain:
                raise
            except Exception:
                # The network is not to blame: it has its time again when we are back.
                trying.until = self.clock.monotonic() + PATIENCE
                raise
            trying.done += 1
        if trying.done < len(files):
            trying.brought.left_out += [MARKS[Attachment.FILE], TOO_MANY]
            trying.done = len(files)
        return trying.brought

    def _trying(self, conversation: bytes, transport: bytes) -> _Trying:
        if transport not in self._tryings:
            if len(self._tryings) >= _MOST_TRIED:
                self._tryings.pop(next(iter(self._tryings)))
            until = self.clock.monotonic() + PATIENCE
            self._tryings[transport] = _Trying(conversation, until, Brought(random_bytes(ID_SIZE)))
        return self._tryings[transport]

    async def _one(self, trying: _Trying, channel: Channel, fetch: Fetch | None) -> None:
        """Store one; raises `LeftOut`, and as `bring`."""
        brought = trying.brought
        if len(brought.described) == MOST_IN_A_MESSAGE:
            raise LeftOut(TOO_MANY)
        if fetch is None:
            raise LeftOut("")
        if not self._left(trying):
            raise LeftOut(LOST[Lost.GONE])
        async with self._place(trying, channel):
            data = await self._fetched(fetch, trying)
            kind, cleaned = await asyncio.to_thread(_cleaned, data)
            del data
            try:
                one = describe(kind, len(cleaned))
                await self._store(one, trying.conversation, brought.message_id, cleaned)
            except TooLarge:
                raise LeftOut(LOST[Lost.TOO_LARGE]) from None
            except NoRoom:
                raise LeftOut(NO_ROOM) from None
        brought.described.append(one)

    @contextlib.asynccontextmanager
    async def _place(self, trying: _Trying, channel: Channel) -> AsyncIterator[None]:
        """One of the channel's places; raises `LeftOut` where none is free in time."""
        place = self._places[channel.name]
        try:
            async with asyncio.timeout(self._left(trying)):
                await place.acquire()
        except TimeoutError:
            raise LeftOut(LOST[Lost.GONE]) from None
        try:
            yield
        finally:
            place.release()

    async def _fetched(self, fetch: Fetch, trying: _Trying) -> bytes:
        wanted: float | None = None
        try:
            async with asyncio.timeout(min(_ONE, self._left(trying))):
                return await fetch(LARGEST)
        except AttachmentLost as lost:
            raise LeftOut(LOST[lost.reason]) from None
        except ChannelUnavailable as unavailable:
            wanted = unavailable.retry_after
        except TimeoutError:
            pass
        left = self._left(trying)
        if left <= 0:
            raise LeftOut(LOST[Lost.GONE])
        raise AskedAgain(min(wanted or _AGAIN, left))

    def _left(self, trying: _Trying) -> float:
        """Seconds that are left for the files of this message."""
        return max(trying.until - self.clock.monotonic(), 0.0)

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
