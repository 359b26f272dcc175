"""Attachments as web carries them: sealed chunks in, sealed chunks out.

Theory of operation
-------------------
1.  Chunks come under the ticket of an opened page. They are nothing until a message that the
    client's key has proved names them (`intake_server.web.work`).
2.  A request carries at most four chunks, so that memory is bounded however large an attachment
    is.
3.  This module sees sealed bytes only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from intake_server.clock import Clock
from intake_server.web.work import MalformedRequest, Unavailable
from vault import attachments
from vault.attachment_format import SEALED_CHUNK
from vault.attachments import PER_REQUEST, Arriving, Limits, NoRoom, NotAChunk
from vault.engine import Database, DatabaseFailed
from vault.keeper_protocol import Refused
from vault.messages import UnknownConversation

LONGEST_BODY: Final = PER_REQUEST * (SEALED_CHUNK * 4 // 3 + 8) + 1024  # as base64url in JSON


class NotOffered(Exception):
    """This hotline takes no attachments here."""


__all__ = ["LONGEST_BODY", "AttachmentWork", "NoRoom", "NotOffered"]


@dataclass(frozen=True, slots=True)
class AttachmentWork:
    """The steps; `limits` is None where no attachments are taken."""

    database: Database
    limits: Limits | None
    clock: Clock

    async def arrive(self, new: Arriving) -> None:
        """Store some chunks.

        Raises NotOffered, NoRoom, Refused, MalformedRequest, Unavailable.
        """
        limits = self._offered()
        now = self.clock.unix()
        try:
            await self.database.write(lambda c: attachments.arrive(c, new, limits, now))
        except NotAChunk:
            raise MalformedRequest from None
        except UnknownConversation:
            raise Refused from None
        except DatabaseFailed as failure:
            raise Unavailable from failure

    async def read(self, conversation: bytes, attachment: bytes, first: int) -> list[bytes]:
        """Up to four chunks; none past the end. Raises Unavailable."""
        try:
            return await self.database.read(
                lambda c: attachments.read(c, conversation, attachment, first)
            )
        except DatabaseFailed as failure:
            raise Unavailable from failure

    def _offered(self) -> Limits:
        if self.limits is None:
            raise NotOffered
        return self.limits
