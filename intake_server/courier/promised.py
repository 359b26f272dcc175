"""What a new conversation over a messenger is promised now: looked at for each first message.

An admin may choose another preset at any time; the web process takes it within seconds, and so do
the messengers.
"""

from dataclasses import dataclass

from intake_server.organisation_work import OrganisationView
from intake_server.roster_view import RosterView
from triage.retention import Policy
from vault.engine import Database
from vault.keeper_protocol import NoRoot


@dataclass(frozen=True, slots=True)
class Promised:
    """The policy of the file, or what an admin has chosen last."""

    view: OrganisationView
    roster: RosterView
    database: Database

    async def policy(self) -> Policy:
        """The policy of this moment; raises DatabaseFailed, KeeperDown, RosterError."""
        try:
            known = await self.roster.current()
        except NoRoot:
            return self.view.about.policy
        about = await self.view.current(self.database, known.entries, known.roster.fingerprint)
        return about.policy
