"""Attachments of a reply on their way out: opened with the keys that its writer sealed to us.

Theory of operation
-------------------
1.  The keys of a reply's attachments stand in the outbox item, signed by the team and sealed to
    the courier, under the conversation's shred key; they go with it once it was sent. Chunks are
    read from the database and believed only as far as they open with these keys, in their place,
    for this conversation and message: a changed, cut or swapped one is not sent.
2.  Every file is a message of its own on the network, with the attachment's id as message id:
    each is noted in the file of sent ids before it goes, and none goes twice
    (`courier.outbound`, rule 3).
3.  Of each channel at most two files are in memory at a time, and none is written to a disk here.
    What it is is looked at again, and it is cleaned again, as whoever receives one does.
4.  Where one of several does not go, the reply has failed, and the desk says that a part of it
    may have arrived.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

from bots.attachments import Outgoing
from intake_server.attachment_settings import AttachmentSettings
from intake_server.courier.work import Work
from triage.attached import TYPES, UnreadableFileError, clean, kind_of
from vault.attachment_format import Described, open_chunk
from vault.sealing import CannotOpen

AT_A_TIME: Final = 2


class NotCarried(Exception):
    """An attachment cannot be sent: it is not there, not whole, or not what it is said to be."""


@dataclass(slots=True)
class Carrying:
    """Opens what is sent, a file at a time."""

    work: Work
    settings: AttachmentSettings
    _places: defaultdict[str, asyncio.Semaphore] = field(
        default_factory=lambda: defaultdict(lambda: asyncio.Semaphore(AT_A_TIME))
    )

    def place(self, channel: str) -> asyncio.Semaphore:
        """Where a file waits until it may be opened: one slow network holds up no other."""
        return self._places[channel]

    def allows(self, channel: str) -> bool:
        """Whether attachments go over this channel."""
        return self.settings.allows(channel)

    async def opened(self, conversation: bytes, message: bytes, one: Described) -> Outgoing:
        """One attachment, to be sent; raises `NotCarried`, and what the database raises."""
        whole = bytearray()
        index = 0
        while index < one.chunks:
            found = await self.work.chunks(conversation, one.id, index)
            if not found:
                raise NotCarried
            for sealed in found:
                try:
                    whole += open_chunk(one, conversation, message, index, sealed)
                except CannotOpen:
                    raise NotCarried from None
                index += 1
        cleaned = await asyncio.to_thread(_cleaned, one.kind, bytes(whole))
        return Outgoing(one.kind, TYPES[one.kind], cleaned)


def _cleaned(kind: str, data: bytes) -> bytes:
    if kind_of(data) != kind:
        raise NotCarried
    try:
        return clean(kind, data)
    except UnreadableFileError:
        raise NotCarried from None
