"""The desk's requests about the team, each from the bytes of its body to its answer.

What is signed was signed in a browser, and the keeper checks it: here shapes are checked and handed
on. `routes` says who may ask.
"""

from __future__ import annotations

from intake_server.desk import team_bodies as bodies
from intake_server.desk.api import Answer, read
from intake_server.desk.bodies import Nothing, to_text
from intake_server.desk.members import Member, Members
from intake_server.desk.pace import Pace
from intake_server.desk.refusals import MalformedRequest, TooBusy, calm
from intake_server.desk.team_work import TeamWork
from vault.keeper_client import DeskKeeper
from vault.keeper_protocol import Reference
from vault.keeper_team import TeamKeeper
from vault.roster import RECOVERY_NAME, Role


class TeamApi:
    """One method for each request."""

    def __init__(
        self,
        work: TeamWork,
        keeper: DeskKeeper,
        team: TeamKeeper,
        members: Members,
        strangers: Pace,
    ) -> None:
        self._work = work
        self._keeper = keeper
        self._team = team
        self._members = members
        self._strangers = strangers

    # --- strangers with an invitation -----------------------------------------------------

    async def invitation(self, raw: bytes) -> Answer:
        """Whom an invitation is for."""
        asked = read(raw, bodies.InvitationKey)
        if not self._strangers.take():
            raise TooBusy(1)
        with calm():
            found = await self._team.invitation(asked.key)
        return {
            "person": to_text(found.staff_id),
            "roles": found.roles,
            "until": found.until,
            "joined": found.is_joined,
        }

    async def join(self, raw: bytes) -> Answer:
        """Store a newcomer, who waits then."""
        asked = read(raw, bodies.Join)
        if not self._strangers.take():
            raise TooBusy(1)
        await self._work.join(asked)
        return {}

    async def recover(self, raw: bytes) -> Answer:
        """Begin a session for whoever holds the recovery shares."""
        asked = read(raw, bodies.Recover)
        if not self._strangers.take():
            raise TooBusy(1)
        with calm():
            answer = await self._team.recover(asked.person, asked.proof)
        token, known = await self._members.begin(asked.person)
        return {
            "session": to_text(token),
            "answer": to_text(answer),
            "roster": [to_text(entry) for entry in known.entries],
        }

    # --- the team -------------------------------------------------------------------------

    async def roster(self, _member: Member, raw: bytes) -> Answer:
        """The entries after those that a browser has verified."""
        asked = read(raw, bodies.RosterAfter)
        known = await self._members.fresh()
        return {
            "entries": [to_text(entry) for entry in known.entries[asked.after :]],
            "number": known.roster.number,
        }

    async def counts(self, _member: Member, raw: bytes) -> Answer:
        """Numbers, and nothing by which anybody could be told from another."""
        read(raw, Nothing)
        count, waiting = await self._work.counts()
        return {
            "open": count,
            "waiting": [
                {"urgency": each.urgency, "count": each.count, "since": each.since}
                for each in waiting
            ],
        }

    async def team(self, member: Member, raw: bytes) -> Answer:
        """The keeper's sealed answer with newcomers and who holds which grant."""
        asked = read(raw, bodies.Team)
        with calm():
            return {"answer": to_text(await self._team.team(member.staff_id, asked.proof))}

    async def invite(self, member: Member, raw: bytes) -> Answer:
        """Register an invitation."""
        asked = read(raw, bodies.Invite)
        with calm():
            invited = await self._team.invite(
                member.staff_id, asked.person, asked.roles, asked.key, asked.proof
            )
        return {"until": invited.until}

    async def withdraw(self, member: Member, raw: bytes) -> Answer:
        """End an invitation."""
        asked = read(raw, bodies.Person)
        with calm():
            await self._team.withdraw(member.staff_id, asked.person, asked.proof)
        return {}

    async def append(self, member: Member, raw: bytes) -> Answer:
        """Add a roster entry. Whoever it removes is signed out before this answers."""
        asked = read(raw, bodies.Append)
        head = await self._work.append(member.staff_id, asked)
        known = await self._members.fresh()
        await self._work.tidy(known.roster.removed)
        return {"head": to_text(head)}

    async def grant(self, member: Member, raw: bytes) -> Answer:
        """Keep a grant."""
        asked = read(raw, bodies.Grant)
        with calm():
            await self._keeper.put_grant(
                member.staff_id, asked.person, asked.epoch, asked.grant, asked.proof
            )
        return {}

    async def grants(self, member: Member, raw: bytes) -> Answer:
        """One's own grants, sealed."""
        asked = read(raw, bodies.Grants)
        with calm():
            return {"answer": to_text(await self._team.own_grants(member.staff_id, asked.proof))}

    # --- handing over ---------------------------------------------------------------------

    async def hand_over(self, member: Member, raw: bytes) -> Answer:
        """Give a conversation that one holds to another counsellor."""
        asked = read(raw, bodies.HandOver)
        person = member.known.roster.people.get(asked.to)
        if person is None or Role.COUNSELLOR not in person.roles or person.name == RECOVERY_NAME:
            raise MalformedRequest
        await self._work.hand_over(member.staff_id, asked)
        return {}

    # --- a new team key -------------------------------------------------------------------

    async def behind(self, member: Member, raw: bytes) -> Answer:
        """Conversations that are still wrapped for an earlier team key."""
        asked = read(raw, bodies.Behind)
        found, left = await self._work.behind(member.known.roster.epoch.number, asked.after)
        return {
            "rows": [
                {
                    "conversation": to_text(each.conversation),
                    "reference": to_text(Reference(each.slot, each.tag).packed),
                    "epoch": each.epoch,
                }
                for each in found
            ],
            "left": left,
        }

    async def old_wrap(self, member: Member, raw: bytes) -> Answer:
        """The keeper's sealed answer with a wrap: no message, and nothing is marked as read."""
        answer = await self._work.old_wrap(member.staff_id, read(raw, bodies.OldWrap))
        return {"answer": to_text(answer)}

    async def rewrap(self, member: Member, raw: bytes) -> Answer:
        """Store a wrap for the current team key."""
        await self._work.rewrap(member.staff_id, read(raw, bodies.Rewrap))
        return {}
