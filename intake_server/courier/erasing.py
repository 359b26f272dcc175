"""Erasing from a chat: all that is kept here, or that chat alone where a page has the phrase."""

from dataclasses import dataclass, field
from typing import Final

from bots.channel import Channel, Incoming
from intake_server.courier.arriving import Message, sealed
from intake_server.courier.codes import left_sign_of
from intake_server.courier.own_keys import OwnKeys, Writers
from intake_server.courier.work import Work
from vault.keeper_answers import FoundAddress
from vault.keeper_client import CourierKeeper, KeeperDown
from vault.keeper_protocol import KeeperRefusal, Refused

_MOST: Final = 4_096  # half-done ends at once; the oldest goes


@dataclass(slots=True)
class Erasing:
    """Has the keeper forget, then the database; the keeper's word comes first each time.

    `_halves`: chats of a page that the keeper may have freed and whose rows still stand. The same
    message, handed over again, ends that: the keeper does not know the address any more.
    """

    keeper: CourierKeeper
    work: Work
    keys: OwnKeys
    writers: Writers
    _halves: dict[bytes, FoundAddress] = field(default_factory=dict, repr=False)

    async def is_gone(self, tag: bytes) -> bool:
        """Whether no conversation has this address; what nobody can tell now is no."""
        try:
            await self.keeper.find_address(tag)
        except (KeeperDown, KeeperRefusal) as reason:
            return isinstance(reason, Refused)
        return False

    async def is_page(self, tag: bytes) -> bool:
        """Whether the conversation of this chat is a page's too, which a chat cannot erase."""
        try:
            return await self._is_page(await self.keeper.find_address(tag))
        except Refused:
            return False

    async def erase(self, channel: Channel, incoming: Incoming, tag: bytes) -> bool:
        """Erase what the keeper lets this chat erase; whether that was all."""
        try:
            found = await self.keeper.find_address(tag)
        except Refused:
            half = self._halves.get(tag)
            if half is None:
                return True
            await self._left(channel, incoming, tag, half)
            return False
        self._halves.pop(tag, None)
        try:
            if await self._is_page(found):
                self._begin(tag, found)
            erased = await self.keeper.erase(found.address)
        except Refused:
            return True
        if erased.is_conversation_gone:
            self._halves.pop(tag, None)
            await self.work.erased(erased.conversation_id)
            return True
        await self._left(channel, incoming, tag, found)
        return False

    async def _is_page(self, found: FoundAddress) -> bool:
        return (await self.keeper.slot_keys(found.reference)).verify_key is not None

    def _begin(self, tag: bytes, found: FoundAddress) -> None:
        self._halves[tag] = found
        if len(self._halves) > _MOST:
            del self._halves[next(iter(self._halves))]

    async def _left(
        self, channel: Channel, incoming: Incoming, tag: bytes, found: FoundAddress
    ) -> None:
        """Delete the row of a chat that left, and tell the conversation."""
        of, writer = found.conversation_id, self.writers.of(found.conversation_id)
        transport = self.keys.transport_hash(channel.name, incoming.address, incoming.transport_id)
        told = Message(incoming, tag, transport, [left_sign_of(channel.name)])
        arrived = sealed(told, of, found.cpk, writer, self.keys)
        await self.work.address_dropped(of, channel.name, arrived)
        writer.written += len(arrived.sealed)
        self._halves.pop(tag, None)
