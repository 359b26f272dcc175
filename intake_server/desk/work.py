"""What the desk does for staff, in the order that keeps every promise.

Theory of operation
-------------------
1.  The keeper decides: who may open, answer and close is shown by a signature that it checks.
    No row is believed for that; a row says only where the keeper keeps the conversation.
2.  A reply: the keeper moves the date, then one transaction stores the reply if its writer still
    holds the claim and has seen what the client wrote. So of two who answer at once one does, and
    nobody answers past a message.
3.  Set-up: prepared by the keeper, then the person's row is committed, then pinned. A crash
    anywhere leaves either no root or a person who can sign in.
4.  Every step may be repeated: the same ids are the same message and get the same answer.
5.  This module sees sealed blobs and signatures only. What is refused or fails becomes one of
    `intake_server.desk.refusals`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Collection
from dataclasses import dataclass, field
from typing import Final, TypeVar

from intake_server.clock import Clock
from intake_server.desk import steps
from intake_server.desk.bodies import Close, Note, Open, Reply, Ways
from intake_server.desk.pages_work import follow_keeper
from intake_server.desk.refusals import (
    Gone,
    MalformedRequest,
    NotDone,
    RefusedByKeeper,
    TooBusy,
    calm,
)
from intake_server.desk.steps import Contents, Queue
from triage.conversation import State
from vault import changes, staff
from vault.changes import Change
from vault.conversations import Claim, Conversation
from vault.engine import Database
from vault.keeper_answers import Replied, SignedIn
from vault.keeper_client import DeskKeeper
from vault.keeper_protocol import STAFF_WRAP_SIZE, Reference, Refused
from vault.messages import MESSAGE, NOTE, check_envelope
from vault.outbox import OutboxItem
from vault.sealing import OUTER_OVERHEAD, random_bytes
from vault.staff import StaffRow

_OUTER_STAFF_SIZE: Final = STAFF_WRAP_SIZE + OUTER_OVERHEAD

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Opened:
    """The keeper's sealed answer, and what is stored."""

    answer: bytes = field(repr=False)
    contents: Contents = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """A reply that is stored: its number, and when the conversation is due (seconds)."""

    number: int
    due: int


@dataclass(frozen=True, slots=True)
class Work:
    """The steps; everything they need is handed in."""

    keeper: DeskKeeper
    database: Database
    clock: Clock

    # --- getting in -----------------------------------------------------------------------

    async def set_up(self, request: bytes, mac: bytes) -> bytes:
        """Set up the first person (rule 3); the root fingerprint that the keeper has pinned.

        Raises RefusedByKeeper, MalformedRequest, TooBusy, Unavailable.
        """
        with calm():
            prepared = await self.keeper.set_up_prepare(request, mac)
            if prepared.staff_wrap is not None:
                row = StaffRow(prepared.staff_id, prepared.login_tag, prepared.staff_wrap)
                await self.database.write(lambda c: staff.put(c, row))
            return await self.keeper.set_up_pin(request, mac)

    async def sign_in(self, login_tag: bytes, request: bytes) -> SignedIn:
        """Sign a person in; whatever is wrong is RefusedByKeeper. Raises Unavailable.

        An unknown name costs the keeper the same work: it gets a wrap of the same size, made up.
        """
        with calm():
            row = await self.database.read(lambda c: staff.by_login_tag(c, login_tag))
            outer = random_bytes(_OUTER_STAFF_SIZE) if row is None else row.outer
            try:
                with calm():
                    return await self.keeper.sign_in(request, outer)
            except (TooBusy, MalformedRequest):
                raise RefusedByKeeper from None

    # --- reading --------------------------------------------------------------------------

    async def queue(self, only: Collection[bytes] | None) -> Queue:
        """Who is there, as of one moment; raises Unavailable."""
        with calm():
            return await self.database.read(lambda c: steps.queue(c, only))

    async def queue_head(self, staff: bytes, most: int) -> Queue:
        """The first who wait, as one member sees them, and all numbers; raises Unavailable."""
        now = self.clock.unix()
        with calm():
            return await self.database.read(lambda c: steps.head(c, staff, most, now))

    async def queue_page(self, after: bytes) -> Queue:
        """Further rows behind an id; raises Unavailable."""
        with calm():
            return await self.database.read(lambda c: steps.page(c, after))

    async def newest_change(self) -> int:
        """The number of the newest change; raises DatabaseFailed."""
        return await self.database.read(changes.newest)

    async def changes_after(self, number: int) -> list[Change] | None:
        """Changes after a number; None where some were pruned. Raises DatabaseFailed."""
        return await self.database.read(lambda c: steps.changes_after(c, number))

    def wake(self, number: int) -> AsyncIterator[int]:
        """Yields whenever there is a change after `number`."""
        return self.database.changes(number)

    async def open(self, member: bytes, asked: Open) -> Opened:
        """The conversation's keys for its reader, and all that is stored; marks it read.

        Raises Gone, RefusedByKeeper, TooBusy, MalformedRequest, Unavailable.
        """
        with calm():
            row = await self.database.read(lambda c: steps.get(c, asked.conversation))
            reference = Reference(row.slot, row.tag)
            answer = await self._of(
                reference,
                self.keeper.open_team_wrap(
                    reference, member, asked.epoch, row.outer_team, asked.proof
                ),
            )
            await self._of(reference, follow_keeper(self.keeper, self.database, row))
            found = await self.contents(member, asked.conversation)
            newest = max((one.number for one in found.messages), default=0)
            if newest > found.row.read_up_to:
                await self.database.write(lambda c: steps.mark_read(c, row.id, newest))
        return Opened(answer, found)

    async def ways(self, member: bytes, asked: Ways) -> bytes:
        """The keeper's sealed word on its messengers, for who opened it before.

        Raises Gone, RefusedByKeeper, Unavailable.
        """
        with calm():
            row = await self.database.read(lambda c: steps.get(c, asked.conversation))
            reference = Reference(row.slot, row.tag)
            return await self._of(reference, self.keeper.ways(reference, member, asked.proof))

    async def contents(self, member: bytes, conversation: bytes, after: int = 0) -> Contents:
        """What is stored after the message numbered `after`; raises Gone, Unavailable."""
        with calm():
            return await self.database.read(
                lambda c: steps.contents(c, conversation, member, after)
            )

    # --- holding, noting ------------------------------------------------------------------

    async def claim(self, member: bytes, conversation: bytes, people: Collection[bytes]) -> Claim:
        """Claim; of many at once one wins. `people` are all members' ids. Raises Unavailable."""
        now = self.clock.unix()
        with calm():
            return await self.database.write(
                lambda c: steps.claim(c, conversation, member, people, now)
            )

    async def release(self, member: bytes, conversation: bytes) -> Claim:
        """Give back: whether it was, and who holds it; raises Gone, Unavailable."""
        with calm():
            return await self.database.write(lambda c: steps.release(c, conversation, member))

    async def set_urgency(self, conversation: bytes, urgency: int, seen: int) -> None:
        """Set the urgency by hand, by what was read up to `seen`; raises Gone, Unavailable."""
        with calm():
            await self.database.write(lambda c: steps.set_urgency(c, conversation, urgency, seen))

    async def keep_draft(self, member: bytes, conversation: bytes, envelope: bytes | None) -> None:
        """Keep or drop a draft; raises Gone, MalformedRequest, Unavailable."""
        now = self.clock.unix()
        with calm():
            await self.database.write(
                lambda c: steps.keep_draft(c, conversation, member, envelope, now)
            )

    async def note(self, asked: Note) -> int:
        """Store a note; its number. Raises Gone, MalformedRequest, Unavailable."""
        now = self.clock.unix()
        with calm():
            check_envelope(NOTE, asked.envelope)
            return await self.database.write(lambda c: steps.store_note(c, asked, now))

    # --- replying, closing ----------------------------------------------------------------

    async def reply(self, member: bytes, asked: Reply, epoch: int) -> Stored:
        """Store a reply (rule 2), once; `epoch` is the roster's.

        Raises Gone, ClaimLost, MovedOn, NoWay, RefusedByKeeper, MalformedRequest, TooBusy,
        Unavailable.
        """
        with calm():
            check_envelope(MESSAGE, asked.envelope)
            row = await self.database.read(lambda c: steps.before_reply(c, asked, member))
            if row.channel != steps.WEB and asked.outbox_request is None:
                raise MalformedRequest  # stored, but never sent
            if row.channel == steps.WEB and asked.outbox_request and asked.channel is None:
                raise MalformedRequest  # by which messenger?
            reference = Reference(row.slot, row.tag)
            replied = await self._of(
                reference,
                self.keeper.replied(
                    reference, member, asked.message, asked.outbox_request, asked.proof
                ),
            )
            now = self.clock.unix()
            item = _outbox_item(row, asked, replied, epoch, now)
            stored = await self.database.write(
                lambda c: steps.store_reply(c, asked, member, replied.due, item, now)
            )
        if isinstance(stored, NotDone):
            raise stored
        return Stored(stored, replied.due)

    async def close(self, member: bytes, asked: Close) -> int:
        """Close a conversation; when it is due (seconds). What is closed stays so.

        Raises Gone, ClaimLost, MovedOn, RefusedByKeeper, TooBusy, Unavailable.
        """
        with calm():
            row = await self.database.read(lambda c: steps.before_close(c, asked, member))
            if row.state is State.CLOSED:
                return row.due
            reference = Reference(row.slot, row.tag)
            closed = await self._of(reference, self.keeper.close(reference, member, asked.proof))
            refusal = await self.database.write(
                lambda c: steps.store_close(c, asked, member, closed.due)
            )
        if refusal is not None:
            raise refusal
        return closed.due

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


def _outbox_item(
    row: Conversation, asked: Reply, replied: Replied, epoch: int, now: int
) -> OutboxItem | None:
    """What the courier is to send; None for a client who reads on the page alone."""
    if replied.outbox_item is None:
        return None
    return OutboxItem(
        message=asked.message,
        conversation=row.id,
        slot=row.slot,
        tag=row.tag,
        channel=asked.channel or row.channel,
        outer=replied.outbox_item,
        epoch=epoch,
        now=now,
    )
