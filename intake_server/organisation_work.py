"""What the organisation says of itself, read from the database and believed by its signature."""

from __future__ import annotations

from intake_server.organisation import About, DetailsRefused, about, read_details
from intake_server.settings import Settings
from triage.retention import Policy
from vault import organisation
from vault.engine import Database
from vault.organisation import Saved


class OrganisationView:
    """The newest signed version, looked up anew where there may be a newer one."""

    def __init__(self, settings: Settings, policy: Policy, *, own_file: bool) -> None:
        """`policy` is the one of the file or the compiled-in one."""
        self._settings = settings
        self._policy = policy
        self._own_file = own_file
        self._looked: tuple[tuple[int, bytes], int] | None = None  # highest row, roster's entries
        self.about = about(settings, policy, None, own_file=own_file)

    async def current(
        self, database: Database, entries: tuple[bytes, ...], fingerprint: bytes
    ) -> About:
        """What holds now, by the verified roster; raises DatabaseFailed."""
        looked = (await database.read(organisation.top), len(entries))
        if self._looked != looked:
            admins = organisation.admins_of(entries)

            def is_true(saved: Saved) -> bool:
                return organisation.is_signed(saved, fingerprint, admins) and _reads(saved.body)

            found = await database.read(lambda c: organisation.versions(c, is_true))
            self._take(found[0] if found else None)
            self._looked = looked
        return self.about

    def _take(self, found: Saved | None) -> None:
        details, number = None, 0
        if found is not None:
            details, number = read_details(found.body), found.number
        self.about = about(self._settings, self._policy, details, number, own_file=self._own_file)


def _reads(body: bytes) -> bool:
    """Whether this version of the program understands it; one that it does not is passed over."""
    try:
        read_details(body)
    except DetailsRefused:
        return False
    return True
