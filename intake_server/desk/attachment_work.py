"""The desk's transactions about attachments."""

from __future__ import annotations

from dataclasses import dataclass

from intake_server.attachment_settings import AttachmentSettings
from intake_server.clock import Clock
from intake_server.desk.refusals import Gone, MalformedRequest, NoRoomLeft, NotOffered, calm
from vault import addresses, attachments, conversations
from vault.attachments import Arriving, Limits, NoRoom, NotAChunk, limits_of
from vault.engine import Connection, Database


@dataclass(frozen=True, slots=True)
class AttachmentWork:
    """The steps; everything they need is handed in."""

    database: Database
    settings: AttachmentSettings
    clock: Clock

    async def arrive(self, new: Arriving) -> None:
        """Store some chunks.

        Raises NotOffered, NoRoomLeft, Gone, MalformedRequest, Unavailable.
        """
        limits = limits_of(self.settings.conversation_megabytes, self.settings.total_megabytes)
        now = self.clock.unix()
        with calm():
            try:
                await self.database.write(lambda c: self._arrive(c, new, limits, now))
            except NoRoom:
                raise NoRoomLeft from None
            except NotAChunk:
                raise MalformedRequest from None

    def _arrive(self, c: Connection, new: Arriving, limits: Limits, now: int) -> None:
        row = conversations.get(c, new.conversation)
        if row is None:
            raise Gone
        others = (one.channel for one in addresses.reaches(c, new.conversation))
        if not any(map(self.settings.allows, (row.channel, *others))):
            raise NotOffered
        attachments.arrive(c, new, limits, now)

    async def read(self, conversation: bytes, attachment: bytes, first: int) -> list[bytes]:
        """Up to four chunks; none past the end. Raises Unavailable."""
        with calm():
            return await self.database.read(
                lambda c: attachments.read(c, conversation, attachment, first)
            )
