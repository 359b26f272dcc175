"""What the desk does for the office: readiness, the organisation's details, and the first story.

Details are signed in an admin's browser and checked here before they are kept; each version stays,
as the record of who changed what. The copy for "write to yourself" is what a backup made at that
moment holds of one conversation; the keeper alone decides whether it still opens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from intake_server.clock import Clock
from intake_server.desk import steps
from intake_server.desk.office_bodies import CopyOpen, Save
from intake_server.desk.refusals import Gone, MalformedRequest, NotDone, RefusedByKeeper, calm
from intake_server.organisation import About, DetailsRefused, read_details
from intake_server.organisation_work import OrganisationView
from intake_server.readiness import Facts, facts_of
from intake_server.roster_view import Known
from intake_server.settings import Settings
from vault import organisation
from vault.engine import Database
from vault.keeper_answers import PinnedDetails
from vault.keeper_client import DeskKeeper
from vault.keeper_protocol import MOST_BEFORE_PINNING, Reference, Refused
from vault.keeper_team import TeamKeeper
from vault.messages import StoredMessage
from vault.organisation import Saved
from vault.roster import Role

MOST_VERSIONS: Final = 50
SKEW_SECONDS: Final = 600  # how far an admin's clock may be from the server's

T = TypeVar("T")


class SomebodySaved(NotDone):
    """Somebody else has saved details since these were opened."""

    code = "moved_on"
    status = Gone.status


@dataclass(frozen=True, slots=True)
class Copy:
    """What a backup made now holds of a conversation, all of it sealed."""

    reference: Reference
    epoch: int
    outer: bytes
    messages: list[StoredMessage]


@dataclass(frozen=True, slots=True)
class OfficeWork:
    """The steps; everything they need is handed in."""

    settings: Settings
    view: OrganisationView
    keeper: DeskKeeper
    team: TeamKeeper
    database: Database
    clock: Clock
    saving: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def about(self, known: Known) -> About:
        """What holds now; raises Unavailable."""
        with calm():
            return await self.view.current(self.database, known.entries, known.roster.fingerprint)

    async def facts(self, known: Known) -> Facts:
        """What the readiness list is computed from; raises Unavailable."""
        about = await self.about(known)
        with calm():
            standing = await self.keeper.standing()
        return facts_of(self.settings, about, standing, self.clock.unix())

    async def versions(self, known: Known) -> tuple[PinnedDetails, list[Saved]]:
        """The keeper's pin, and the versions that admins signed up to it, the newest first.

        Raises Unavailable.
        """
        is_true = _signed_by_admins(known)
        with calm():
            pin = await self.keeper.details()
            found = await self.database.read(
                lambda c: (
                    organisation.versions(c, is_true, MOST_VERSIONS, pin.number)
                    if pin.number
                    else organisation.versions(c, is_true, MOST_VERSIONS)
                )
            )
        return pin, found

    async def save(self, member: bytes, known: Known, asked: Save) -> bytes:
        """Keep the next version, and have the keeper pin it; the same again is the same.

        Its sealed answer. Kept first: a row that is not pinned yet is passed over and the next one
        takes its place, while a pin without its row would close the page to new people. One at a
        time, so that of two admins who save at once one is told and nothing of theirs is kept.

        Raises MalformedRequest, RefusedByKeeper, SomebodySaved, Unavailable.
        """
        saved = Saved(asked.number, member, asked.body, asked.signed)
        person = known.roster.people[member]
        keys = {member: frozenset({person.sign_key})} if Role.ADMIN in person.roles else {}
        if not organisation.is_signed(saved, known.roster.fingerprint, keys):
            raise RefusedByKeeper
        try:
            made = read_details(asked.body).made
        except DetailsRefused:
            raise MalformedRequest from None
        if abs(made - self.clock.unix()) > SKEW_SECONDS:
            raise MalformedRequest
        digest = organisation.hash_of(known.roster.fingerprint, saved)
        with calm():
            async with self.saving:
                _check_next(await self.keeper.details(), saved.number, digest)
                await self.database.write(lambda c: organisation.put(c, saved))
                return await self.team.pin_details(member, saved.number, digest, asked.proof)

    # --- write to yourself ----------------------------------------------------------------

    async def copy(self, member: bytes, conversation: bytes) -> Copy:
        """What a backup made now holds; raises Gone, Unavailable."""
        with calm():
            found = await self.database.read(lambda c: steps.contents(c, conversation, member))
        row = found.row
        return Copy(
            Reference(row.slot, row.tag),
            row.epoch,
            row.outer_team,
            found.messages,
        )

    async def open_copy(self, member: bytes, asked: CopyOpen) -> bytes:
        """The keeper's sealed answer to a copy; Gone where its key is overwritten.

        Raises Gone, RefusedByKeeper, TooBusy, MalformedRequest, Unavailable.
        """
        reference = Reference.of(asked.reference)
        with calm():
            return await self._of(
                reference,
                self.keeper.open_team_wrap(
                    reference, member, asked.epoch, asked.outer, asked.proof
                ),
            )

    async def _of(self, reference: Reference, asked: Awaitable[T]) -> T:
        try:
            return await asked
        except Refused:
            try:
                await self.keeper.slot_keys(reference)
            except Refused:
                raise Gone from None
            raise


def _signed_by_admins(known: Known) -> organisation.IsTrue:
    """Tells the versions that are to be believed, by the verified roster."""
    fingerprint, admins = known.roster.fingerprint, organisation.admins_of(known.entries)
    return lambda saved: organisation.is_signed(saved, fingerprint, admins)


def _check_next(pin: PinnedDetails, number: int, digest: bytes) -> None:
    """Refuse what the keeper would not pin, before it is kept.

    Raises SomebodySaved, RefusedByKeeper.
    """
    if (number, digest) == (pin.number, pin.digest):
        return
    if number <= pin.number:
        raise SomebodySaved
    if number > (pin.number + 1 if pin.number else MOST_BEFORE_PINNING):
        raise RefusedByKeeper
