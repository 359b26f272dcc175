"""What the organisation says of itself, read from the database and believed by the keeper's pin."""

from __future__ import annotations

from typing import Protocol

from intake_server.organisation import About, DetailsRefused, about, read_details
from intake_server.settings import Settings
from triage.retention import Policy
from vault import organisation
from vault.engine import Connection, Database
from vault.keeper_answers import PinnedDetails
from vault.organisation import Saved


class Pins(Protocol):
    """Who knows which version is the newest: the keeper."""

    async def details(self) -> PinnedDetails:
        """Number and hash of the newest version; raises KeeperDown."""


class OrganisationView:
    """The version that the keeper has pinned, looked up anew where it is another one.

    Where its row is gone or is another, nothing older is used: `about` then says that it is
    missing, and holds what the settings say.
    """

    def __init__(self, settings: Settings, policy: Policy, keeper: Pins, *, own_file: bool) -> None:
        """`policy` is the one of the file or the compiled-in one."""
        self._settings = settings
        self._policy = policy
        self._keeper = keeper
        self._own_file = own_file
        self._looked: tuple[PinnedDetails, int] | None = None  # the pin, the roster's entries
        self.about = about(settings, policy, None, own_file=own_file)

    async def current(
        self, database: Database, entries: tuple[bytes, ...], fingerprint: bytes
    ) -> About:
        """What holds now, by the verified roster; raises DatabaseFailed, KeeperDown."""
        pin = await self._keeper.details()
        looked = (pin, len(entries))
        if self._looked != looked or pin.number == 0 or self.about.is_missing:
            admins = organisation.admins_of(entries)

            def is_true(saved: Saved) -> bool:
                return organisation.is_signed(saved, fingerprint, admins) and _reads(saved.body)

            def newest(c: Connection) -> Saved | None:
                if pin.number == 0:  # of a time before the keeper pinned versions, or none
                    return next(iter(organisation.versions(c, is_true)), None)
                found = organisation.pinned(c, pin, fingerprint)
                return found if found is not None and is_true(found) else None

            found = await database.read(newest)
            self._take(found, is_missing=found is None and pin.number > 0)
            self._looked = looked
        return self.about

    def _take(self, found: Saved | None, *, is_missing: bool) -> None:
        details, number = None, 0
        if found is not None:
            details, number = read_details(found.body), found.number
        self.about = about(
            self._settings,
            self._policy,
            details,
            number,
            own_file=self._own_file,
            is_missing=is_missing,
        )


def _reads(body: bytes) -> bool:
    """Whether this version of the program understands it; one that it does not is passed over."""
    try:
        read_details(body)
    except DetailsRefused:
        return False
    return True
