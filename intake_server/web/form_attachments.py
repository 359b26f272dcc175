"""Attachments for browsers that run no code: sealed and opened here, in memory, for one request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from intake_server.web.attachment_work import AttachmentWork, NoRoom, NotOffered
from intake_server.web.form_client import FormClient, OpenConversation, Opening
from intake_server.web.form_fields import Fields
from intake_server.web.form_token import FormTokens, TokenExpired
from intake_server.web.form_upload import FileProblem
from intake_server.web.work import MalformedRequest, Unavailable
from triage.text import is_empty
from vault.attachment_format import (
    Described,
    TooLarge,
    describe,
    open_chunk,
    seal_chunks,
    write_list,
)
from vault.attachments import PER_REQUEST, Arriving
from vault.keeper_protocol import Refused
from vault.sealing import ID_SIZE, CannotOpen, random_bytes

_NOT_ARRIVED: Final = "a04.not_arrived"


@dataclass(slots=True)
class Attaching:
    """Files of one message on their way in."""

    work: AttachmentWork
    opening: Opening = field(repr=False)
    message_id: bytes = field(repr=False)
    described: list[Described] = field(default_factory=list, repr=False)

    async def add(self, kind: str, data: bytes) -> None:
        """Seal one and store its chunks; raises FileProblem."""
        try:
            one = describe(kind, len(data))
            await self._store(one, data)
        except TooLarge:
            raise FileProblem("a04.too_large") from None
        except (NoRoom, NotOffered):
            raise FileProblem("a04.no_room") from None
        except (Refused, MalformedRequest, Unavailable):
            raise FileProblem(_NOT_ARRIVED) from None
        self.described.append(one)

    async def _store(self, one: Described, data: bytes) -> None:
        owner, first = self.opening.conversation_id, 0
        waiting: list[bytes] = []
        for sealed in seal_chunks(one, owner, self.message_id, data):
            waiting.append(sealed)
            if first + len(waiting) == one.chunks or len(waiting) == PER_REQUEST:
                await self.work.arrive(Arriving(one.id, owner, one.chunks, first, waiting))
                first, waiting = first + len(waiting), []

    @property
    def text(self) -> str:
        """What the message says that names them."""
        return write_list(self.described)

    @property
    def ids(self) -> tuple[bytes, ...]:
        """The ids of all of them."""
        return tuple(one.id for one in self.described)


@dataclass(frozen=True, slots=True)
class FormAttachments:
    """Begins messages with files, and opens files that were received."""

    work: AttachmentWork
    client: FormClient
    tokens: FormTokens

    async def begin(self, fields: Fields) -> Attaching:
        """Where the files of a form go; raises FileProblem, TooMany.

        So nothing is stored for who may not send the message that names it.
        """
        try:
            opened = self.tokens.open(fields.token)
            if opened.kept_phrase is None or self.work.limits is None:
                raise FileProblem(_NOT_ARRIVED)
            opening = await self.client.opening(opened.phrase)
        except (TokenExpired, CannotOpen, Refused, Unavailable):
            raise FileProblem(_NOT_ARRIVED) from None
        words = fields.danger or not is_empty(fields.text)  # a message of their own, before
        spent = self.client.work.budgets.spent(
            opening.conversation_id, danger=False, following=int(words)
        )
        if spent is not None:
            raise spent
        return Attaching(self.work, opening, random_bytes(ID_SIZE))

    async def fetch(
        self, opened: OpenConversation, attachment: bytes
    ) -> tuple[Described, AsyncIterator[bytes]]:
        """One that a message names, and its opened pieces, the first of which has opened already.

        So memory holds a few chunks, however slowly they are taken. Raises CannotOpen,
        Unavailable; where a later piece does not open, the iterator raises CannotOpen.
        """
        named = (
            (message.id, one)
            for message in opened.messages
            if message.verified
            for one in message.attachments
            if one.id == attachment
        )
        message_id, one = next(named, (b"", None))
        if one is None:
            raise CannotOpen
        pieces = self._pieces(opened.conversation_id, message_id, one)
        first = await anext(pieces)
        return one, _joined(first, pieces)

    async def _pieces(
        self, owner: bytes, message_id: bytes, one: Described
    ) -> AsyncIterator[bytes]:
        index = 0
        while index < one.chunks:
            found = await self.work.read(owner, one.id, index)
            if not found:
                raise CannotOpen
            for sealed in found:
                yield open_chunk(one, owner, message_id, index, sealed)
                index += 1


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


def attachment_id(text: str) -> bytes:
    """The id in a form's field; raises CannotOpen for anything else."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise CannotOpen from None
