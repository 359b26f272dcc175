"""What the organisation says of itself, read from the database and believed by its signature."""

from __future__ import annotations

from intake_server.organisation import About, about, read_details
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
        self._looked: tuple[int, int] | None = None  # newest row, entries of the roster
        self.about = about(settings, policy, None, own_file=own_file)

    async def current(
        self, database: Database, entries: tuple[bytes, ...], fingerprint: bytes
    ) -> About:
        """What holds now, by the verified roster; raises DatabaseFailed."""
        newest = await database.read(organisation.number_of_newest)
        if self._looked != (newest, len(entries)):
            versions = await database.read(organisation.latest) if newest else []
            self._take(versions, entries, fingerprint)
            self._looked = (newest, len(entries))
        return self.about

    def _take(self, versions: list[Saved], entries: tuple[bytes, ...], fingerprint: bytes) -> None:
        admins = organisation.admins_of(entries) if versions else {}
        found = organisation.newest_signed(versions, fingerprint, admins)
        details, number = None, 0
        if found is not None:
            details, number = read_details(found.body), found.number
        self.about = about(self._settings, self._policy, details, number, own_file=self._own_file)
