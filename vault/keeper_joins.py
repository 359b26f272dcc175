"""The verbs about joining chats by a code (docs/keeper.md, 0x60-0x64): the courier's and web's.

They raise what the other verbs raise: see `vault.keeper_client`.
"""

from dataclasses import dataclass, field

from vault.keeper_answers import FoundAddress
from vault.keeper_client import PeerClient
from vault.keeper_protocol import Reference, Verb, number_of, u8, u16
from vault.keeper_requests import Proof


@dataclass(frozen=True, slots=True)
class JoinedAddress:
    """An address that was joined to a conversation; `until` in seconds, when it goes by itself."""

    found: FoundAddress = field(repr=False)
    until: int


class JoinKeeper(PeerClient):
    """Making and redeeming join codes; on the courier's connection."""

    async def make_code(self, address: Reference) -> str:
        """A code of ten digits for the conversation of an address; once, for 15 minutes."""
        (code,) = await self._link.ask(Verb.MAKE_JOIN_CODE, address.packed)
        return code.decode()

    async def redeem(
        self, code: str, address_tag: bytes, channel: int, hours: int
    ) -> JoinedAddress:
        """Make an address for the conversation of a code; `hours` is its life.

        `channel` as the slot file numbers them (docs/keeper.md, 1).
        """
        address, reference, owner, cpk, npk, due, until = await self._link.ask(
            Verb.REDEEM_JOIN_CODE, code.encode(), address_tag, u8(channel), u16(hours)
        )
        references = Reference.of(address), Reference.of(reference)
        found = FoundAddress(*references, owner, cpk, npk, number_of(due))
        return JoinedAddress(found, number_of(until))


class WaysKeeper(PeerClient):
    """What a client with a phrase does about messengers; on web's connection.

    Each answer is sealed to whoever made the proof.
    """

    async def code(self, lookup_tag: bytes, proof: Proof) -> bytes:
        """A code of ten digits for the conversation of a phrase; once, for 15 minutes."""
        (answer,) = await self._link.ask(Verb.CLIENT_JOIN_CODE, lookup_tag, *proof.fields)
        return answer

    async def hours(
        self, lookup_tag: bytes, channel: int, begin: int, end: int, proof: Proof
    ) -> bytes:
        """Have messages come there from `begin` to before `end` only (minutes of the day)."""
        asked = u8(channel), u16(begin), u16(end)
        (answer,) = await self._link.ask(Verb.CLIENT_HOURS, lookup_tag, *asked, *proof.fields)
        return answer

    async def part(self, lookup_tag: bytes, channel: int, proof: Proof) -> bytes:
        """Forget the addresses of a channel."""
        (answer,) = await self._link.ask(Verb.CLIENT_PART, lookup_tag, u8(channel), *proof.fields)
        return answer
