"""The desk's verbs about the team and its organisation (docs/keeper.md, 0x4C, 0x80-0x85).

They raise what the other verbs raise: see `vault.keeper_client`.
"""

from vault.keeper_answers import Invitation, Invited, Joined
from vault.keeper_client import PeerClient
from vault.keeper_protocol import Verb, number_of, u8, u32
from vault.keeper_requests import Proof


class TeamKeeper(PeerClient):
    """Invitations, newcomers and a member's own grants; on the desk's connection."""

    async def invite(
        self, staff_id: bytes, newcomer_id: bytes, roles: int, key: bytes, proof: Proof
    ) -> Invited:
        """Let the holder of this key's other half join."""
        until, answer = await self._link.ask(
            Verb.INVITE, staff_id, newcomer_id, u8(roles), key, *proof.fields
        )
        return Invited(number_of(until), answer)

    async def invitation(self, key: bytes) -> Invitation:
        """Whom an invitation is for."""
        newcomer_id, roles, until, joined = await self._link.ask(Verb.INVITATION, key)
        return Invitation(newcomer_id, number_of(roles), number_of(until), joined == b"\x01")

    async def join(self, key: bytes, request: bytes, proof: Proof) -> Joined:
        """Store a newcomer (`Join.sealed`); they cannot sign in before they are let in."""
        standing, newcomer_id, login_tag, wrap = await self._link.ask(
            Verb.JOIN, key, request, *proof.fields
        )
        is_taken = number_of(standing) == 1
        return Joined(is_taken, newcomer_id, login_tag, wrap or None)

    async def team(self, staff_id: bytes, proof: Proof) -> bytes:
        """The sealed answer with newcomers and who holds which grant."""
        (answer,) = await self._link.ask(Verb.TEAM, staff_id, *proof.fields)
        return answer

    async def withdraw(self, staff_id: bytes, newcomer_id: bytes, proof: Proof) -> bytes:
        """End an invitation; the sealed answer."""
        (answer,) = await self._link.ask(Verb.WITHDRAW, staff_id, newcomer_id, *proof.fields)
        return answer

    async def recover(self, staff_id: bytes, proof: Proof) -> bytes:
        """The sealed answer for who holds the recovery shares; raises an alarm at the keeper."""
        _, answer = await self._link.ask(Verb.RECOVER, staff_id, *proof.fields)
        return answer

    async def pin_details(self, staff_id: bytes, number: int, digest: bytes, proof: Proof) -> bytes:
        """Pin the next version of what the organisation says; the sealed answer."""
        (answer,) = await self._link.ask(
            Verb.PIN_DETAILS, staff_id, u32(number), digest, *proof.fields
        )
        return answer

    async def own_grants(self, staff_id: bytes, proof: Proof) -> bytes:
        """The sealed answer with a member's grants."""
        (answer,) = await self._link.ask(Verb.OWN_GRANTS, staff_id, *proof.fields)
        return answer
