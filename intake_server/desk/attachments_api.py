"""The desk's requests about attachments: sealed chunks in and out, a few at a time.

A counsellor's browser opens and seals them; here they are only carried. JSON like all others, with
a longer body (`LONGEST_CHUNKS`) for what brings chunks.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from intake_server.desk.api import Answer, read
from intake_server.desk.attachment_work import AttachmentWork
from intake_server.desk.bodies import Body, Id, Number, Sized, to_text
from intake_server.desk.members import Member
from vault.attachment_format import SEALED_CHUNK
from vault.attachments import PER_REQUEST, Arriving

LONGEST_CHUNKS: Final = PER_REQUEST * (SEALED_CHUNK * 4 // 3 + 8) + 1024


class Chunk(Sized):
    """A sealed chunk."""

    least = most = SEALED_CHUNK


Count = Annotated[int, msgspec.Meta(ge=0, le=1_000)]


class Attach(Body, frozen=True):
    """Chunks of an attachment, of which the first has the number `first`."""

    conversation: Id
    attachment: Id
    chunks: Count
    first: Count
    sealed: Annotated[list[Chunk], msgspec.Meta(min_length=1, max_length=PER_REQUEST)]


class Attached(Body, frozen=True):
    """Which chunks are wanted."""

    conversation: Id
    attachment: Id
    first: Number


class AttachmentsApi:
    """One method for each request; `routes` says who may make it."""

    def __init__(self, work: AttachmentWork) -> None:
        self._work = work

    async def attach(self, _member: Member, raw: bytes) -> Answer:
        """Store chunks of an attachment, before the reply that names it."""
        asked = read(raw, Attach)
        await self._work.arrive(
            Arriving(asked.attachment, asked.conversation, asked.chunks, asked.first, asked.sealed)
        )
        return {}

    async def attached(self, _member: Member, raw: bytes) -> Answer:
        """Chunks of an attachment; none where it ends."""
        asked = read(raw, Attached)
        found = await self._work.read(asked.conversation, asked.attachment, asked.first)
        return {"sealed": [to_text(one) for one in found]}
