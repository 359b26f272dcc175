"""What a browser asks about a page that wants to go on with a chat's conversation."""

from __future__ import annotations

from dataclasses import dataclass

from intake_server.desk import team_bodies as bodies
from intake_server.desk.api import Answer, read
from intake_server.desk.bodies import to_text
from intake_server.desk.members import Member
from intake_server.desk.pages_work import PagesWork


@dataclass(frozen=True, slots=True)
class PagesApi:
    """Requests in, answers out."""

    work: PagesWork

    async def asking(self, member: Member, raw: bytes) -> Answer:
        """The keys that wait, sealed to who asks."""
        answer = await self.work.asking(member.staff_id, read(raw, bodies.PageAsking))
        return {"answer": to_text(answer)}

    async def let_in(self, member: Member, raw: bytes) -> Answer:
        """Let the page in."""
        answer = await self.work.let_in(member.staff_id, read(raw, bodies.PageLetIn))
        return {"answer": to_text(answer)}

    async def refuse(self, member: Member, raw: bytes) -> Answer:
        """Forget what waits."""
        answer = await self.work.refuse(member.staff_id, read(raw, bodies.PageRefuse))
        return {"answer": to_text(answer)}
