"""What the desk does where a page asks to go on with a chat's conversation (docs/decisions/0036).

The keeper puts its layers on both wraps, they are committed, then the keeper lets the page in, and
only then the row calls it a page's conversation. A crash before the keeper's word leaves a
conversation that opens as before, and a page that waits: the same steps again end it, and so does
anybody's no. After it, `follow_keeper` ends the rest at the next opening. Nothing here can be read,
and nobody is let in without a counsellor's two signatures; who answers a client decides, and only
after reading all of it.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from intake_server.desk import steps
from intake_server.desk.refusals import Gone, calm
from intake_server.desk.team_bodies import PageAsking, PageLetIn, PageRefuse
from vault import changes, letting_in
from vault.conversations import Conversation
from vault.engine import Connection, Database
from vault.keeper_client import DeskKeeper
from vault.keeper_pages import TeamPageKeeper, WrappedForPage
from vault.keeper_protocol import Reference, Refused

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PagesWork:
    """The steps; each raises Gone, RefusedByKeeper, MalformedRequest, Unavailable.

    A yes and a no also raise ClaimLost and MovedOn, as a reply does.
    """

    keeper: DeskKeeper
    pages: TeamPageKeeper
    database: Database

    async def asking(self, member: bytes, asked: PageAsking) -> bytes:
        """The keys that wait, sealed to who asks."""
        with calm():
            _, reference = await self._row(asked.conversation)
            return await self._of(reference, self.pages.asking(reference, member, asked.proof))

    async def let_in(self, member: bytes, asked: PageLetIn) -> bytes:
        """Store both wraps, then have the keeper let the page in; its sealed answer."""
        with calm():
            row, reference = await self._decided(asked, member)
            wraps = self.pages.wrap(
                reference, member, asked.epoch, asked.request, asked.wraps.proof
            )
            made = await self._of(reference, wraps)
            await self.database.write(lambda c: _store(c, asked, member, made))
            last = self.pages.let_in(reference, member, asked.page, asked.proof)
            answer = await self._of(reference, last)
            await self.database.write(lambda c: _is_page(c, row.id))
            return answer

    async def refuse(self, member: bytes, asked: PageRefuse) -> bytes:
        """Have the keeper forget what waits; its sealed answer."""
        with calm():
            _, reference = await self._decided(asked, member)
            step = self.pages.refuse(reference, member, asked.page, asked.proof)
            return await self._of(reference, step)

    async def _decided(
        self, asked: PageLetIn | PageRefuse, member: bytes
    ) -> tuple[Conversation, Reference]:
        row = await self.database.read(
            lambda c: steps.before_acting(c, asked.conversation, member, asked.seen)
        )
        return row, Reference(row.slot, row.tag)

    async def _row(self, conversation: bytes) -> tuple[Conversation, Reference]:
        row = await self.database.read(lambda c: steps.get(c, conversation))
        return row, Reference(row.slot, row.tag)

    async def _of(self, reference: Reference, asked: Awaitable[T]) -> T:
        """What the keeper answers about a conversation; raises Gone where it has forgotten it."""
        try:
            return await asked
        except Refused:
            try:
                await self.keeper.slot_keys(reference)
            except Refused:
                raise Gone from None
            raise


async def follow_keeper(keeper: DeskKeeper, database: Database, row: Conversation) -> None:
    """Have the row of a conversation name the page that the keeper has let in.

    Both wraps are stored and the row still names a messenger: the page waits, was refused, or a
    crash came right after the keeper's word. Raises Refused, as the keeper does.
    """
    if row.outer_client is None or row.channel == letting_in.PAGE_CHANNEL:
        return
    keys = await keeper.slot_keys(Reference(row.slot, row.tag))
    if keys.verify_key is not None:
        await database.write(lambda c: _is_page(c, row.id))


def _store(c: Connection, asked: PageLetIn, member: bytes, made: WrappedForPage) -> None:
    row = steps.before_acting(c, asked.conversation, member, asked.seen)
    if not letting_in.store_wraps(c, row.id, asked.epoch, made.team_wrap, made.client_wrap):
        raise Gone
    changes.note(c, row.id, "message")


def _is_page(c: Connection, conversation: bytes) -> None:
    if letting_in.become_page(c, conversation):
        changes.note(c, conversation, "message")
