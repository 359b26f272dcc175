"""Attachments as channels carry them: bytes of one file, and why they cannot be had or sent.

Nothing here writes to a disk. A channel reads what came in bounded pieces and never more than it
was asked for; it gives no name of a file on, and takes none.
"""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Final

LARGEST: Final = 10 * 2**20
"""Bytes of the largest attachment that is carried, in both directions."""
SILENCE: Final = 15.0
"""Seconds without a byte after which a file is not waited for."""


@unique
class Lost(StrEnum):
    """Why an attachment that came cannot be had; a constant word that staff see put into words."""

    TOO_LARGE = "too large"
    GONE = "gone"  # the network does not have it (any more)
    DAMAGED = "damaged"  # it came, and is not what was sent
    NOT_ENCRYPTED = "not encrypted"  # it lies readable on a server, and was left there


class AttachmentLost(Exception):
    """An attachment cannot be had, and asking again is useless; `reason` says why."""

    def __init__(self, reason: Lost) -> None:
        super().__init__(f"the attachment cannot be had: {reason.value}")
        self.reason = reason


Fetch = Callable[[int], Awaitable[bytes]]
"""Gets one attachment that came, at most so many bytes of it, as often as it is asked.

Raises `AttachmentLost`, and `ChannelUnavailable` where asking again may help.
"""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One attachment to send.

    `ending`: how its kind's files end, such as "jpeg"; `type`: its media type (RFC 6838).
    """

    ending: str
    type: str
    content: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """A name that says nothing but what it is."""
        return f"file.{self.ending}"

    @property
    def family(self) -> str:
        """The first half of its type: image, audio, video, or application."""
        return self.type.partition("/")[0]


async def bounded(pieces: AsyncIterable[bytes], most: int) -> bytes:
    """All `pieces` together; raises `AttachmentLost` as soon as they are more than `most` bytes.

    Raises `TimeoutError` when none comes for `SILENCE`.
    """
    whole, coming = bytearray(), aiter(pieces)
    while True:
        async with asyncio.timeout(SILENCE):
            piece = await anext(coming, None)
        if piece is None:
            return bytes(whole)
        whole += piece
        if len(whole) > most:
            raise AttachmentLost(Lost.TOO_LARGE)
