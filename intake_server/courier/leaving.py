"""Whoever is forgotten here is forgotten by the channel too.

Theory of operation
-------------------
1.  Expiry, an erasure on the web and a closed conversation's end happen without the courier: the
    keeper overwrites the address's shred key, and then nobody can open the address any more. So
    the courier keeps the addresses of the conversations that live in its memory, as it must
    anyway to hear from them, and nowhere else.
2.  When an address's row is gone and the keeper confirms that its slot is, the channel is asked to
    forget it (`Channel.forget`): its own store, and on the other side what the network lets one
    delete. Replies in the outbox went with the conversation's rows.
    That is one look later, so that the answer to a client's own erasing is said before.
3.  Whoever wrote again meanwhile is somebody new at the same address and is left in peace.
4.  A network that is away is asked again at each look, until it has answered or this process ends.
    What ended while no courier ran stays with the channel; the disappearing timer, which is never
    longer than the conversation may live, sees to that (docs/limits.md).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from structlog.typing import FilteringBoundLogger

from bots.channel import Channel, ChannelUnavailable
from intake_server.courier.own_keys import OwnKeys
from intake_server.courier.work import Work
from vault import addresses
from vault.engine import DatabaseFailed
from vault.keeper_client import CourierKeeper, KeeperDown
from vault.keeper_protocol import KeeperRefusal, Reference, Refused
from vault.sealing import CannotOpen
from vault.wraps import Address, open_address

LOOK: Final = 10.0  # seconds between two looks


@dataclass(slots=True)
class Leaving:
    """Notices who is gone, and has the channels forget them."""

    keeper: CourierKeeper
    work: Work
    keys: OwnKeys
    channels: Mapping[str, Channel]
    log: FilteringBoundLogger
    _known: dict[Reference, Address] = field(default_factory=dict)
    _parting: dict[Reference, Address] = field(default_factory=dict)

    async def run(self) -> None:
        """Look again and again; runs as long as the process."""
        while True:
            try:
                await self.look()
            except (DatabaseFailed, KeeperDown, KeeperRefusal) as reason:
                self.log.warning("leaving_not_seen", exc_info=reason)
            await asyncio.sleep(LOOK)

    @property
    def waiting(self) -> int:
        """How many addresses a channel has still to forget."""
        return len(self._parting)

    async def look(self) -> None:
        """Part from those that were gone at the last look; learn who came and who went."""
        for reference, address in list(self._parting.items()):
            if await self._part(address):
                del self._parting[reference]
        rows = {Reference(one.slot, one.tag): one for one in await self.work.addresses()}
        for reference in rows.keys() - self._known.keys():
            opened = await self._opened(reference, rows[reference])
            if opened is not None:
                self._known[reference] = opened
        for reference in self._known.keys() - rows.keys():
            living = await self._living(self._known[reference])
            if living == reference:
                continue  # only the row is gone; no row is believed
            address = self._known.pop(reference)
            if living is None:
                self._parting[reference] = address

    async def _opened(self, reference: Reference, row: addresses.Address) -> Address | None:
        try:
            opened = await self.keeper.open_address(reference, row.outer)
            return open_address(self.keys.box, opened.inner, row.conversation)
        except (Refused, CannotOpen):
            return None  # going already, or never ours

    async def _living(self, address: Address) -> Reference | None:
        """The slot in which this address lives; None where no conversation has it."""
        tag = self.keys.address_tag(address.channel, address.address)
        try:
            return (await self.keeper.find_address(tag)).address
        except Refused:
            return None

    async def _part(self, address: Address) -> bool:
        """Have the channel forget it; False where it must be asked again."""
        channel = self.channels.get(address.channel)
        if channel is None:
            return False
        if await self._living(address) is not None:
            return True  # wrote again
        try:
            remains = await channel.forget(address.address)
        except ChannelUnavailable:
            return False
        self.log.info("forgotten_by_channel", channel=channel.name, in_app=remains.in_app)
        return True
