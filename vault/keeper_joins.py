"""The courier's verbs about joining chats by a code (docs/keeper.md, 0x60-0x61).

They raise what the other verbs raise: see `vault.keeper_client`.
"""

from dataclasses import dataclass, field

from vault.keeper_answers import FoundAddress
from vault.keeper_client import PeerClient
from vault.keeper_protocol import Reference, Verb, number_of, u8, u16


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
