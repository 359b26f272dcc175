"""Who asks, and what they may do: the session's person in the roster of this moment.

The keeper's roster is looked at when somebody asks and the last look is FRESH_SECONDS old. Whoever
is not in it any more is signed out everywhere; roles are never remembered from the sign-in. While
the keeper does not answer, nobody is let in on an older look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from intake_server.desk.refusals import RefusedByKeeper, SignedOut, Unavailable, calm
from intake_server.desk.sessions import Session, Sessions
from intake_server.roster_view import Known, RosterView
from vault.keeper_client import KeeperDown
from vault.roster import Role, RosterError

FRESH_SECONDS: Final = 1.5  # with the look of an open stream, a removal counts within 4 seconds


@dataclass(frozen=True, slots=True)
class Member:
    """A person who is signed in, with the roles of this moment."""

    session: Session = field(repr=False)
    staff_id: bytes = field(repr=False)
    roles: Role
    known: Known = field(repr=False)


class Members:
    """Sessions, checked against the roster; `now` gives seconds of a clock that never goes back."""

    def __init__(self, view: RosterView, sessions: Sessions, now: Callable[[], float]) -> None:
        self._view = view
        self._sessions = sessions
        self._now = now
        self._known: Known | None = None
        self._seen: Known | None = None  # the last that held, also while the keeper is silent
        self._looked = float("-inf")
        self._looking = asyncio.Lock()
        self.keeper_silent = False
        self.roster_broken = False

    async def roster(self) -> Known:
        """The roster, at most FRESH_SECONDS old; raises Unavailable, also before set-up."""
        if self._known is None or self._now() - self._looked >= FRESH_SECONDS:
            async with self._looking:
                if self._known is None or self._now() - self._looked >= FRESH_SECONDS:
                    return await self._look()
        if self._known is None:  # a look failed while this one waited for it
            raise Unavailable
        return self._known

    async def fresh(self) -> Known:
        """The roster of this very moment; raises Unavailable."""
        return await self._look_now()

    async def of(self, token: bytes | None) -> Member:
        """Who has this token; raises SignedOut, Unavailable."""
        session = None if token is None else self._sessions.of(token)
        if session is None:
            raise SignedOut
        return await self.still(session)

    async def still(self, session: Session) -> Member:
        """Who has this session, without beginning its idle time anew; raises as `of`."""
        if not self._sessions.lives(session):
            raise SignedOut
        known = await self.roster()
        person = known.roster.people.get(session.staff_id)
        if person is None:
            self._sessions.end_all_of(session.staff_id)
            raise SignedOut
        if not self._sessions.lives(session):  # it ended during the look
            raise SignedOut
        return Member(session, session.staff_id, person.roles, known)

    async def begin(self, staff_id: bytes) -> tuple[bytes, Known]:
        """Begin a session of whom the keeper let in; raises RefusedByKeeper, Unavailable."""
        known = await self._look_now()
        if staff_id not in known.roster.people:
            raise RefusedByKeeper
        return self._sessions.begin(staff_id), known

    def end(self, session: Session) -> None:
        """End a session at its person's wish."""
        self._sessions.end(session)

    async def _look_now(self) -> Known:
        async with self._looking:
            return await self._look()

    async def _look(self) -> Known:
        """Ask the keeper; the time before it counts, so that no look is older than it seems."""
        asked = self._now()
        try:
            with calm():
                known = await self._view.current()
        except Unavailable as failure:
            self.keeper_silent = isinstance(failure.__cause__, KeeperDown)
            self.roster_broken = isinstance(failure.__cause__, RosterError)
            self._known = None
            raise
        self.keeper_silent = self.roster_broken = False
        self._end_sessions(self._seen, known)
        self._known, self._seen, self._looked = known, known, asked
        return known

    def _end_sessions(self, before: Known | None, now: Known) -> None:
        """End the sessions of whoever was removed or has other keys since the look before."""
        if before is None or before.roster.head == now.roster.head:
            return
        for staff_id, person in before.roster.people.items():
            still = now.roster.people.get(staff_id)
            if still is None or still.sign_key != person.sign_key:
                self._sessions.end_all_of(staff_id)
