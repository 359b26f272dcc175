"""What the desk does about the team: joining, and wraps for a new team key.

A newcomer's row is committed after the keeper has stored the slot; a crash in between is mended by
the same request again. A new wrap is stored after the keeper has made it; a crash in between leaves
the old one, which opens as before and is re-wrapped again. Nothing here lets anybody in: that is
the keeper's, on an admin's signature.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection
from dataclasses import dataclass
from typing import Final, TypeVar

from intake_server.clock import Clock
from intake_server.desk import steps
from intake_server.desk.refusals import ClaimLost, Gone, NotDone, RefusedByKeeper, calm
from intake_server.desk.team_bodies import Append, HandOver, Join, OldWrap, Rewrap
from vault import changes, conversations, counts, messages, staff, team_changes
from vault.counts import Waiting
from vault.engine import Connection, Database
from vault.keeper_client import DeskKeeper
from vault.keeper_protocol import Reference, Refused
from vault.keeper_team import TeamKeeper
from vault.messages import HANDOVER, NOTE, NewMessage, check_envelope
from vault.staff import StaffRow
from vault.team_changes import Behind

MOST_BEHIND: Final = 100

T = TypeVar("T")


class NameTaken(NotDone):
    """Somebody else signs in with this name."""

    code = "name_taken"
    status = RefusedByKeeper.status


class OtherName(NotDone):
    """This member signs in with another name, and keeps it."""

    code = "other_name"
    status = RefusedByKeeper.status


@dataclass(frozen=True, slots=True)
class TeamWork:
    """The steps; everything they need is handed in."""

    keeper: DeskKeeper
    team: TeamKeeper
    database: Database
    clock: Clock

    async def join(self, asked: Join) -> None:
        """Store a newcomer; raises NameTaken, RefusedByKeeper, MalformedRequest, Unavailable."""
        with calm():
            joined = await self.team.join(asked.key, asked.request, asked.proof)
            if joined.staff_wrap is None:
                raise NameTaken if joined.is_name_taken else OtherName
            row = StaffRow(joined.staff_id, joined.login_tag, joined.staff_wrap)
            await self.database.write(lambda c: staff.put_waiting(c, row))

    async def append(self, member: bytes, asked: Append) -> bytes:
        """Hand on a roster entry; the new head. Raises RefusedByKeeper, Unavailable."""
        with calm():
            return (await self.keeper.append(member, asked.entry, asked.proof)).head

    async def tidy(self, removed: Collection[bytes]) -> None:
        """Free what removed people held, and drop their rows; may be done again at any time."""
        if removed:
            with calm():
                await self.database.write(lambda c: _tidy(c, removed))

    async def hand_over(self, member: bytes, asked: HandOver) -> None:
        """Store the note and change the holder, together; the same request again is the same.

        Raises Gone, ClaimLost, MalformedRequest, Unavailable.
        """
        now = self.clock.unix()
        with calm():
            check_envelope(NOTE, asked.envelope)
            await self.database.write(lambda c: _hand_over(c, asked, member, now))

    async def behind(self, head: int, after: bytes) -> tuple[list[Behind], int]:
        """Conversations below the head epoch, some at a time, and their number."""
        with calm():
            return await self.database.read(
                lambda c: team_changes.behind(c, head, after, MOST_BEHIND)
            )

    async def old_wrap(self, member: bytes, asked: OldWrap) -> bytes:
        """A conversation's wrap for an earlier epoch; raises as `rewrap`, and TooBusy."""
        with calm():
            row = await self.database.read(lambda c: steps.get(c, asked.conversation))
            reference = Reference(row.slot, row.tag)
            return await self._of(
                reference,
                self.keeper.open_team_wrap(
                    reference, member, asked.epoch, row.outer_team, asked.proof
                ),
            )

    async def rewrap(self, member: bytes, asked: Rewrap) -> None:
        """Store a wrap for the head epoch.

        Raises Gone, RefusedByKeeper, MalformedRequest, Unavailable.
        """
        with calm():
            row = await self.database.read(lambda c: steps.get(c, asked.conversation))
            reference = Reference(row.slot, row.tag)
            made = await self._of(
                reference,
                self.keeper.rewrap(reference, member, asked.epoch, asked.request, asked.proof),
            )
            await self.database.write(
                lambda c: conversations.rewrap(c, row.id, asked.epoch, made.team_wrap)
            )

    async def counts(self) -> tuple[int, list[Waiting]]:
        """How many conversations are not closed, and who waits, by urgency."""
        with calm():
            return await self.database.read(lambda c: (counts.not_closed(c), counts.waiting(c)))

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


def _hand_over(c: Connection, asked: HandOver, member: bytes, now: int) -> None:
    row = steps.get(c, asked.conversation)
    new = NewMessage(asked.message, row.id, NOTE, HANDOVER, asked.envelope, now)
    if messages.add(c, new) is None:
        return  # this very note is stored, and with it the holder was changed
    if not conversations.take_over(c, row.id, member, asked.to):
        raise ClaimLost(row.holder)  # the note goes with it: nothing is committed
    changes.note(c, row.id, "claim")


def _tidy(c: Connection, removed: Collection[bytes]) -> None:
    for conversation, holder in team_changes.held_by(c, removed):
        if conversations.release(c, conversation, holder):
            changes.note(c, conversation, "release")
    staff.remove(c, tuple(removed))
